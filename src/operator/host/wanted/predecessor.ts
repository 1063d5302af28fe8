/** What achetronic/tunnel leaves on a host that it has enrolled, and which kt takes over. */

/** Where it keeps what it has done, in its versions so far: only it writes such a file. */
export const predecessorStates: readonly string[] = ["/etc/tunnel/state.json", "/etc/tunnel-operator/state.json"];

/**
 * Its proxy runs as root, and its link has the tunnel's port and address: neither leaves room for others. It goes right before kt's units
 * are started, once all that they need is there. Its file of sysctls is kt's by then, and the live values are the first that kt met.
 */
export const removePredecessor = `set -u
export PATH="$PATH:/usr/sbin:/sbin"
for unit in envoy.service wg-relay.service; do
  systemctl disable --quiet --now "$unit" 2>/dev/null
  rm -f "/etc/systemd/system/$unit"
done
[ ! -d /sys/class/net/wg-relay ] || ip link del wg-relay || exit 1
rm -rf /etc/envoy /usr/local/bin/envoy /usr/local/bin/tunnelctl || exit 1
systemctl daemon-reload || exit 1
rm -rf /etc/tunnel /etc/tunnel-operator`;
