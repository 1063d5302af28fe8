/** The script that a jump pod runs: it ends the pod when it has not been used for a while, whatever became of the hub. */

/**
 * Arguments: the time to live in seconds, then the user's own command, if any. Each connection is a process that was brought
 * into the container, which has no parent there (PPid 0), as only the script itself has otherwise. Needs sh and sleep, nothing
 * else, and nothing that can be written to. As process 1 it gets no signal for which it has no trap.
 */
export const watchdogScript = `
ttl=$1
shift
step=$((ttl / 4))
if [ "$step" -gt 10 ]; then step=10; fi
if [ "$step" -lt 1 ]; then step=1; fi
child=
pause=
end() {
  kill $child $pause 2>/dev/null
  exit "$1"
}
trap 'end 0' TERM INT
if [ "$#" -gt 0 ]; then
  "$@" &
  child=$!
fi
used() {
  for status in /proc/[0-9]*/status; do
    if [ "$status" = "/proc/$$/status" ]; then continue; fi
    while read -r key value rest; do
      if [ "$key" = PPid: ]; then
        if [ "$value" = 0 ]; then return 0; fi
        break
      fi
    done 2>/dev/null <"$status"
  done
  return 1
}
unused=0
look=1
while [ "$unused" -lt "$ttl" ]; do
  sleep "$look" &
  pause=$!
  wait "$pause"
  if [ -n "$child" ] && ! kill -0 "$child" 2>/dev/null; then
    wait "$child"
    exit "$?"
  fi
  if used; then unused=0; else unused=$((unused + look)); fi
  look=$step
done
end 0
`.trim();
