/** The tools by which a user calls root, in namespaces of a test's own: sudo, doas, and pkexec with its polkit. */

import { overUsr, unpacked } from "./unpacked.ts";

const packages = ["sudo", "opendoas", "pkexec", "polkitd", "libpolkit-agent-1-0", "libpolkit-gobject-1-0", "libduktape207"];

/** The folder in which the packages' files are; undefined where they cannot be had, and then it says why. */
export async function unpackRootTools(): Promise<string | undefined> {
  const programs = "/usr/bin/sudo /usr/bin/doas /usr/bin/pkexec /usr/lib/polkit-1/polkitd";
  const proof = `ls ${programs} >&2 && ! ldd ${programs} | grep "not found"`;
  return await unpacked({ name: "root-tools", packages, proof, leftOut: "the cases of kt setup with sudo, doas and pkexec" });
}

/** Shell: a machine that has them, each of which lets the user of this number do everything without a password. */
export function rootToolsScript(folder: string, uid: number): string {
  return `
chmod 4755 ${folder}/usr/bin/pkexec
${overUsr(folder)} || exit 84
mount -t tmpfs tmpfs /usr/local/lib
cp -a ${folder}/etc/. /etc/
for user in polkitd messagebus; do
  grep -q "^$user:" /etc/passwd || { echo "$user:x:6199:6199::/:/bin/sh" >> /etc/passwd; echo "$user:x:6199:" >> /etc/group; }
done
# The user has no password that could be looked at, and sudo wants to know the machine's own name.
for tool in sudo doas; do
  for kind in auth account session; do echo "$kind required pam_permit.so"; done > /etc/pam.d/$tool
done
printf '\\n127.0.1.1 %s\\n' "$(hostname)" >> /etc/hosts
name=$(getent passwd ${uid} | cut -d: -f1)
echo "$name ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/test; chmod 440 /etc/sudoers.d/test /etc/sudoers
echo "permit nopass $name as root" > /etc/doas.conf; chmod 600 /etc/doas.conf
mkdir -p /etc/polkit-1/rules.d /run/dbus; cp /usr/share/dbus-1/system.d/*PolicyKit1.conf /etc/dbus-1/system.d/
echo 'polkit.addRule(function (action, subject) { if (subject.user === "'$name'") return polkit.Result.YES; });' > /etc/polkit-1/rules.d/10-test.rules
chown -R polkitd /etc/polkit-1/rules.d
dbus-daemon --system --fork
/usr/lib/polkit-1/polkitd --no-debug >/dev/null 2>&1 &
until_so 'dbus-send --system --print-reply --dest=org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus.NameHasOwner string:org.freedesktop.PolicyKit1 2>/dev/null | grep -q true'
for tool in sudo doas pkexec; do mkdir -p $place/$tool; ln -s /usr/bin/$tool $place/$tool/$tool; done
`;
}
