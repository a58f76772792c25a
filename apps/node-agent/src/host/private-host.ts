import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCommand } from './exec.ts'

const MARK = 'BRAMBLE_PRIVATE_HOST'
const RUN_MS_MAX = 300_000

/** Its own folders, empty at the start; `/run` and `/dev/shm` as at boot. */
const SETUP = [
  'mount -t tmpfs -o mode=755 run /run',
  'mount -t tmpfs -o mode=1777 shm /dev/shm',
  'mkdir -p /run/lock /run/netns /var/lib/containers /var/log/pods /etc/cni/net.d',
  'for folder in /var/lib/containers /var/log/pods /etc/cni/net.d; do mount -t tmpfs private $folder; done',
  'ip link set lo up',
  'sysctl -qw net.ipv4.ip_forward=1',
  // cgroups are the machine's: what a run that was killed left there would be found by the next; those in use stay
  "find /sys/fs/cgroup -depth -type d -path '*/brt-*' ! -path '*/brt-*-h[0-9]*' -exec rmdir '{}' ';' 2>/dev/null || true",
]

/** Whether this process runs in namespaces that `privateHostTest` made. */
export const insidePrivateHost = (): boolean => process.env[MARK] === '1'

/**
 * A test that runs this same test file again on a host of its own: network, mount, process, ipc and uts namespaces, so that real
 * containers, interfaces and firewall rules neither see nor leave anything outside. Everything in it dies with it.
 *
 * @param file `import.meta.filename` of the caller, whose tests check `insidePrivateHost()`.
 */
export function privateHostTest(file: string, { timeoutMs = RUN_MS_MAX }: { readonly timeoutMs?: number } = {}): void {
  const skip = process.getuid?.() === 0 ? false : 'needs root for namespaces'
  test('on a host of its own', { skip, timeout: timeoutMs }, async () => {
    const node = [process.execPath, ...process.execArgv.filter((flag) => !flag.startsWith('--test')), '--test-reporter=spec', file]
    const result = await runCommand(
      'unshare',
      [
        '--mount',
        '--uts',
        '--ipc',
        '--net',
        '--pid',
        '--fork',
        '--kill-child',
        '--propagation',
        'private',
        '--mount-proc',
        '--',
        'sh',
        '-c',
        `set -e; ${SETUP.join('; ')}; set +e; env -u NODE_TEST_CONTEXT ${MARK}=1 "$@"; exit $?`,
        'sh',
        ...node,
      ],
      { timeoutMs, exitCodes: 'any', maxOutputBytes: 16 << 20 },
    )
    assert.equal(result.exitCode, 0, `\n${result.stdout}\n${result.stderr}`)
  })
}
