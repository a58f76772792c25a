/** On a node of the laboratory: what lies under /var survives a power cut there. */
export const ROOT = '/var/opt/bramble'

/** A script that unpacks the release $ARCHIVE below $ROOT and gives it to the launcher, as install.sh does. */
export const INSTALL = `set -e
mkdir -p $ROOT/releases/0.1.0
zstd -dcq "$ARCHIVE" | tar -x -C $ROOT/releases/0.1.0 --strip-components=1
cp $ROOT/releases/0.1.0/share/launcher $ROOT/launcher
BRAMBLE_ROOT=$ROOT $ROOT/launcher agent stage 0.1.0
`

/** `--server URL --token …` as the settings of a service. */
export function settingsOf(args: readonly string[]): string {
  const pairs = args.flatMap((arg, index) => (arg.startsWith('--') ? [[arg.slice(2), args[index + 1]] as const] : []))
  return JSON.stringify({ ...Object.fromEntries(pairs), keepalive: 5 })
}
