import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runChecks } from './all.ts'
import type { Finding, HostSettings } from './host.ts'
import { MACHINES, PROGRAMS, TreeHost } from './tree-host.fixture.ts'

type Files = Readonly<Record<string, string>>
const DEBIAN: Files = MACHINES.Debian

const notOk = (host: TreeHost): Record<string, string> =>
  Object.fromEntries(runChecks(host).flatMap(({ check, finding }) => (finding.level === 'ok' ? [] : [[check.name, finding.level]])))
const finding = (host: TreeHost, name: string): Finding => runChecks(host).find(({ check }) => check.name === name)!.finding
const without = (files: Files, ...prefixes: readonly string[]): Files =>
  Object.fromEntries(Object.entries(files).filter(([path]) => !prefixes.some((prefix) => path.startsWith(prefix))))

const fresh = [
  { name: 'Raspberry Pi OS trixie', found: { 'memory cgroup': 'fail' }, path: '/boot/firmware/cmdline.txt' },
  { name: 'Raspberry Pi OS bookworm', found: { 'memory cgroup': 'fail', swap: 'warn' }, path: '/boot/firmware/cmdline.txt' },
  { name: 'Raspberry Pi OS bullseye', found: { 'memory cgroup': 'fail' }, path: '/boot/cmdline.txt' },
  { name: 'Debian', found: {}, path: undefined },
  { name: 'Ubuntu', found: {}, path: undefined },
] as const
for (const { name, found, path } of fresh)
  test(`${name} right after it was installed`, () => {
    const host = new TreeHost(MACHINES[name], PROGRAMS)
    assert.deepEqual(notOk(host), found)
    const { fix } = finding(host, 'memory cgroup')
    assert.deepEqual(fix, path && { type: 'words', path, words: ['cgroup_enable=memory', 'cgroup_memory=1'] })
  })

test('a command line that is right already asks for a reboot alone', () => {
  const line = `${MACHINES['Raspberry Pi OS trixie']['/boot/firmware/cmdline.txt'].trim()} cgroup_enable=memory cgroup_memory=1\n`
  const found = finding(
    new TreeHost({ ...MACHINES['Raspberry Pi OS trixie'], '/boot/firmware/cmdline.txt': line }, PROGRAMS),
    'memory cgroup',
  )
  assert.deepEqual([found.level, found.advice, found.fix], ['fail', '/boot/firmware/cmdline.txt is right already: reboot', undefined])
})

test('without the place of the command line, a person is told what to add', () =>
  assert.match(finding(new TreeHost(without(DEBIAN, '/sys/fs/cgroup'), PROGRAMS), 'memory cgroup').advice ?? '', /boot loader/))

const settings = (change: Partial<HostSettings>): { settings: HostSettings } => ({
  settings: { ...new TreeHost({}, {}).settings, ...change },
})
const tcp = (port: number): string =>
  `  sl  local_address rem_address   st\n   0: 0100007F:${port.toString(16).toUpperCase()} 00000000:0000 0A 00000000:00000000\n`

const cases: readonly {
  name: string
  check: string
  level: 'ok' | 'warn' | 'fail'
  says: RegExp
  files?: Files
  less?: readonly string[]
  programs?: Files
  change?: ConstructorParameters<typeof TreeHost>[2]
}[] = [
  {
    name: 'a module that is not loaded',
    check: 'kernel modules',
    level: 'warn',
    says: /not loaded: br_netfilter/,
    less: ['/sys/module/br_netfilter', '/proc/sys/net/bridge'],
  },
  {
    name: 'a module that is built in',
    check: 'kernel modules',
    level: 'ok',
    says: /is there/,
    less: ['/sys/module/overlay'],
    files: { '/proc/filesystems': 'nodev\tproc\nnodev\toverlay\n' },
  },
  {
    name: 'a module that the kernel lacks',
    check: 'kernel modules',
    level: 'fail',
    says: /has no xt_statistic/,
    files: { '/lib/modules/6.12.47/modules.dep': DEBIAN['/lib/modules/6.12.47/modules.dep']!.replace(/.*xt_statistic.*\n/, '') },
  },
  { name: 'a kernel that says nothing of its modules', check: 'kernel modules', level: 'ok', says: /is there/, less: ['/lib/modules'] },
  {
    name: 'forwarding that is off',
    check: 'sysctls',
    level: 'warn',
    says: /net.ipv4.ip_forward is off/,
    files: { '/proc/sys/net/ipv4/ip_forward': '0\n' },
  },
  { name: 'no iptables', check: 'iptables', level: 'fail', says: /not installed/, programs: {} },
  {
    name: 'rules of both kinds',
    check: 'iptables',
    level: 'warn',
    says: /iptables-legacy too/,
    files: { '/proc/net/ip_tables_names': 'nat\nfilter\n' },
  },
  {
    name: 'the old iptables alone',
    check: 'iptables',
    level: 'ok',
    says: /legacy/,
    files: { '/proc/net/ip_tables_names': 'nat\n' },
    programs: { ...PROGRAMS, iptables: 'iptables v1.8.7 (legacy)' },
  },
  { name: 'no runtime', check: 'container runtime', level: 'fail', says: /no container runtime/, programs: {} },
  {
    name: 'an old Podman',
    check: 'container runtime',
    level: 'fail',
    says: /3.0 is too old/,
    programs: { ...PROGRAMS, podman: 'podman version 3.0.1' },
  },
  {
    name: 'Podman without conmon',
    check: 'container runtime',
    level: 'fail',
    says: /conmon/,
    programs: { podman: 'podman version 4.3.1', runc: '' },
  },
  {
    name: 'containerd as its package sets it up for Docker',
    check: 'container runtime',
    level: 'fail',
    says: /turns off/,
    programs: { containerd: 'containerd github.com/containerd/containerd 1.6.20' },
    files: { '/etc/containerd/config.toml': 'disabled_plugins = ["cri"]\n' },
  },
  {
    name: 'containerd with its CRI',
    check: 'container runtime',
    level: 'ok',
    says: /containerd 1.6.20/,
    programs: { containerd: 'containerd x 1.6.20' },
    files: { '/etc/containerd/config.toml': '# disabled_plugins = ["cri"]\n' },
  },
  { name: 'no plugins', check: 'CNI plugins', level: 'fail', says: /missing: bridge/, less: ['/usr/lib/cni'] },
  {
    name: 'the year 1970',
    check: 'clock',
    level: 'fail',
    says: /1970-01-01T00:01.*before this program was made/,
    change: { nowMs: 60_000 },
  },
  {
    name: "a time before the node's certificate",
    check: 'clock',
    level: 'fail',
    says: /before this node's certificate/,
    change: settings({ certifiedAtMs: Date.UTC(2027, 0, 1) }),
  },
  {
    name: 'nobody who sets the clock',
    check: 'clock',
    level: 'warn',
    says: /nothing keeps the clock right/,
    less: ['/run/systemd/timesync'],
  },
  {
    name: 'a full disk',
    check: 'disk',
    level: 'fail',
    says: /0.1 GiB/,
    change: { space: { availableBytes: 1e8, capacityBytes: 1e10, isReadOnly: false } },
  },
  {
    name: 'a read-only disk',
    check: 'disk',
    level: 'fail',
    says: /read-only/,
    change: { space: { availableBytes: 1e10, capacityBytes: 1e10, isReadOnly: true } },
  },
  {
    name: 'a worn eMMC',
    check: 'disk',
    level: 'warn',
    says: /mmcblk0 says that it is worn out/,
    files: { '/sys/block/mmcblk0/device/life_time': '0x01 0x0b\n' },
  },
  {
    name: 'a file system with errors',
    check: 'disk',
    level: 'warn',
    says: /mmcblk0p2 has had errors/,
    files: { '/sys/fs/ext4/mmcblk0p2/errors_count': '3\n' },
  },
  { name: 'a tiny board', check: 'memory', level: 'warn', says: /245 MiB/, files: { '/proc/meminfo': 'MemTotal: 250880 kB\n' } },
  {
    name: 'swap in memory',
    check: 'swap',
    level: 'ok',
    says: /compressed/,
    files: { '/proc/swaps': 'Filename\n/dev/zram0 partition 1 0 100\n' },
  },
  {
    name: '32-bit programs on a 64-bit kernel',
    check: 'userland',
    level: 'warn',
    says: /64-bit kernel with 32-bit/,
    change: { architecture: 'arm' },
  },
  {
    name: 'large pages',
    check: 'page size',
    level: 'warn',
    says: /16 KiB/,
    files: { '/proc/self/smaps': 'KernelPageSize:       16 kB\n' },
  },
  { name: 'the name that all have', check: 'host name', level: 'warn', says: /second node/, change: { hostname: 'raspberrypi' } },
  { name: 'a name that is none', check: 'host name', level: 'warn', says: /no name of a node/, change: { hostname: 'my_pi' } },
  {
    name: 'a DNS server that asks itself',
    check: 'DNS',
    level: 'warn',
    says: /own \(127.0.0.1\)/,
    files: { '/etc/resolv.conf': 'nameserver 127.0.0.1\n' },
  },
  { name: 'no DNS server', check: 'DNS', level: 'warn', says: /no DNS server/, files: { '/etc/resolv.conf': 'search lan\n' } },
  {
    name: 'a port that somebody has',
    check: 'local port',
    level: 'warn',
    says: /listens on port 10255/,
    files: { '/proc/net/tcp': tcp(10_255) },
  },
  {
    name: 'a port that the agent has',
    check: 'local port',
    level: 'ok',
    says: /this agent's/,
    files: { '/proc/net/tcp': tcp(10_255), '/proc/net/unix': '0: 2 0 1 1 1 7 /run/bramble/shutdown.sock\n' },
  },
  {
    name: 'k3s',
    check: 'leftovers',
    level: 'warn',
    says: /k3s.*flannel.1.*10-flannel.conflist/,
    files: { '/var/lib/rancher/k3s/agent/x': '', '/sys/class/net/flannel.1/mtu': '1450', '/etc/cni/net.d/10-flannel.conflist': '{}' },
  },
  {
    name: 'a kubelet that runs',
    check: 'leftovers',
    level: 'warn',
    says: /kubelet that runs/,
    files: {
      '/proc/net/tcp6': tcp(10_250)
        .replace('0100007F', '0'.repeat(32))
        .replace('00000000:0000 0A', `${'0'.repeat(32)}:0000 0A`),
    },
  },
  {
    name: "Bramble's and Podman's own networks",
    check: 'leftovers',
    level: 'ok',
    says: /nothing/,
    files: { '/etc/cni/net.d/10-bramble.conflist': '{}', '/etc/cni/net.d/87-podman-bridge.conflist': '{}' },
  },
]
for (const { name, check, level, says, files = {}, less = [], programs = PROGRAMS, change } of cases)
  test(`${check}: ${name}`, () => {
    const found = finding(new TreeHost({ ...without(DEBIAN, ...less), ...files }, programs, change), check)
    assert.equal(found.level, level)
    assert.match(found.message, says)
    if (level !== 'ok') assert.ok(found.advice, 'says what to do')
  })
