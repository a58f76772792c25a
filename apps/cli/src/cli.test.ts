import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { Setting } from '@bramble/reconcile/settings'
import { SERVER_SETTINGS } from '../../control-plane/src/config.ts'
import { AGENT_SETTINGS } from '../../node-agent/src/config.ts'
import { bramble, temporaryFolder } from './cli.fixture.ts'
import { VERSION } from './version.ts'

const folder = await temporaryFolder({ after })
const file = async (name: string, text: string): Promise<string> => {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}
const nowhere = ['--data-dir', join(folder, 'nowhere')]

describe('help names every setting, its default and its unit', { concurrency: 2 }, () => {
  const commands: readonly (readonly [command: string, settings: readonly Setting[]])[] = [
    ['server', SERVER_SETTINGS],
    ['agent', AGENT_SETTINGS],
    ['up', [...SERVER_SETTINGS, ...AGENT_SETTINGS.filter(({ name }) => !SERVER_SETTINGS.some((setting) => setting.name === name))]],
    ['reset', AGENT_SETTINGS],
  ]
  for (const [command, settings] of commands)
    test(command, async () => {
      const { code, stdout } = await bramble(command, '--help')
      assert.equal(code, 0)
      const help = stdout.replace(/\s+/g, ' ')
      for (const { name, kind, value, description, default: fallback } of settings) {
        assert.ok(help.includes(`--${name}${kind === 'flag' ? '' : ` <${value}>`} ${description}`), name)
        if (fallback !== undefined && !Array.isArray(fallback))
          assert.ok(help.includes(`${description} (default: ${String(fallback)})`), `default of ${name}`)
        if (kind === 'seconds') assert.match(description, /in seconds/)
        if (kind === 'integer') assert.match(description, /port|in bits|number of/)
      }
      assert.match(help, /--config <FILE> YAML file with the same names; flags win/)
    })

  for (const command of [['down'], ['status'], ['kubeconfig'], ['token', 'create'], ['token', 'list'], ['token', 'delete']])
    test(command.join(' '), async () => {
      const { code, stdout } = await bramble(...command, '--help')
      assert.deepEqual([code, stdout.split('\n')[0]!.startsWith(`Usage: bramble ${command.join(' ')}`)], [0, true])
      assert.match(stdout, /--data-dir <PATH>/)
    })
})

test('help names every command; version is the one of the package', async () => {
  const [help, version, flag] = await Promise.all([bramble('--help'), bramble('version'), bramble('--version')])
  for (const command of ['up', 'down', 'status', 'server', 'agent', 'token', 'kubeconfig', 'reset', 'version'])
    assert.match(help.stdout, new RegExp(`^  ${command}\\b`, 'm'))
  assert.deepEqual([version.stdout, flag.stdout], [`${VERSION}\n`, `${VERSION}\n`])
})

/** What is typed, and what stands on stderr; exit code 2. */
const misuse: readonly { readonly name: string; readonly args: readonly string[]; readonly stderr: RegExp }[] = [
  { name: 'no command', args: [], stderr: /^Usage: bramble/ },
  { name: 'a command that there is not', args: ['nonsense'], stderr: /^error: unknown command 'nonsense'\n\(see --help\)/ },
  {
    name: 'a flag that there is not',
    args: ['server', '--api-prot', '1'],
    stderr: /^error: unknown option '--api-prot'\n\(Did you mean --api-port\?\)/,
  },
  { name: 'a flag of another program', args: ['server', '--node-name', 'a'], stderr: /^error: unknown option '--node-name'/ },
  { name: 'a flag without its value', args: ['server', '--api-port'], stderr: /^error: option '--api-port <PORT>' argument missing/ },
  { name: 'an argument too many', args: ['server', 'now'], stderr: /^error: too many arguments for 'server'/ },
  {
    name: 'several bad values, each on its line',
    args: ['server', '--api-port', '0', '--node-grace', '1.5', '--listen-address', 'localhost'],
    stderr:
      /^bramble: --listen-address: "localhost" must be an IPv4 address\nbramble: --api-port: "0" must be a whole number from 1 to 65535\nbramble: --node-grace: "1.5" must be a whole number from 5 to 86400\n$/,
  },
  {
    name: 'an address that is none',
    args: ['server', '--advertise-address', '1.2.3.256'],
    stderr: /^bramble: --advertise-address: "1.2.3.256" must be an IPv4 address\n$/,
  },
  {
    name: 'one port for two things',
    args: ['server', '--mqtt-port', '6443'],
    stderr: /^bramble: --api-port, mqtt-port and stream-port: must differ, not be 6443, 6443 and 8444\n$/,
  },
  {
    name: 'networks that overlap',
    args: ['server', '--pod-network', '10.0.0.0/8'],
    stderr: /^bramble: --service-network: "10.43.0.0\/16" must not overlap the pod-network "10.0.0.0\/8"\n$/,
  },
  {
    name: 'a network that begins in the middle',
    args: ['server', '--pod-network', '10.42.7.0/16'],
    stderr: /^bramble: --pod-network: "10.42.7.0\/16" must begin with its first address: 10.42.0.0\/16\n$/,
  },
  {
    name: 'a service network with no room',
    args: ['server', '--service-network', '10.43.0.0/30'],
    stderr: /^bramble: --service-network: its prefix must have 12 to 28 bits, not 30\n$/,
  },
  {
    name: 'a block that is larger than its network',
    args: ['server', '--pod-network', '10.42.0.0/25'],
    stderr: /^bramble: --node-prefix: a block of 24 bits is larger than the pod-network "10.42.0.0\/25"; must be 25 to 29\n$/,
  },
  {
    name: "an agent's bad values",
    args: ['agent', '--server', 'http://x', '--node-name', 'Pi_1', '--label', 'a b', '--runtime', 'docker'],
    stderr:
      /^bramble: --server: "http:\/\/x" must be the address .*\nbramble: --node-name: "Pi_1" must be .*\nbramble: --label: "a b" must be .*\nbramble: --runtime: "docker" must be auto, podman/,
  },
  {
    name: 'a config file that is not there',
    args: ['server', '--config', '/nowhere.yaml'],
    stderr: /^bramble: --config \/nowhere.yaml: ENOENT: no such file/,
  },
  { name: 'a config file that is a folder', args: ['server', '--config', '/tmp'], stderr: /^bramble: --config \/tmp: EISDIR/ },
  {
    name: 'a config file that is no YAML',
    args: ['server', '--config', await file('a.yaml', 'api-port: [')],
    stderr: /^bramble: --config .*a.yaml: .* at line 1, column/,
  },
  {
    name: 'a config file that says a thing twice',
    args: ['server', '--config', await file('b.yaml', 'api-port: 1\napi-port: 2')],
    stderr: /^bramble: --config .*b.yaml: Map keys must be unique/,
  },
  {
    name: 'a config file that is a list',
    args: ['server', '--config', await file('c.yaml', '- a')],
    stderr: /^bramble: --config .*c.yaml: must be a YAML mapping such as "node-name: pi-1"/,
  },
  { name: 'a config file that is a word', args: ['server', '--config', await file('d.yaml', 'hello')], stderr: /must be a YAML mapping/ },
  {
    name: 'a config file with settings that there are not',
    args: ['server', '--config', await file('e.yaml', 'apiPort: 1\nfoo: 2')],
    stderr: /^bramble: --config .*e.yaml: unknown setting "apiPort", "foo"; known: advertise-address, .*api-port, /,
  },
  {
    name: 'a config file with a value of the wrong type',
    args: ['server', '--config', await file('f.yaml', 'api-port: high\ndata-dir: 5\ntls-name: {a: b}')],
    stderr:
      /^bramble: --data-dir: must be a text, in quotes .*\nbramble: --api-port: "high" must be a whole number .*\nbramble: --tls-name: must be a text/,
  },
  {
    name: 'a token that is good for no time',
    args: ['token', 'create', ...nowhere, '--ttl', '0h'],
    stderr: /^bramble: --ttl 0h: must be a number with s, m, h or d, e.g. 24h\n$/,
  },
  {
    name: 'a token for no machine',
    args: ['token', 'create', ...nowhere, '--uses', '0'],
    stderr: /^bramble: --uses 0: must be a whole number from 1 to 99999\n$/,
  },
  { name: 'a token to delete without its id', args: ['token', 'delete', ...nowhere], stderr: /^error: missing required argument 'id'/ },
  {
    name: 'status of a folder that is no path',
    args: ['status', '--data-dir', 'here'],
    stderr: /^bramble: --data-dir: "here" must be an absolute path\n$/,
  },
  {
    name: 'a reset that nobody confirmed',
    args: ['reset', ...nowhere],
    stderr: /^bramble: (this removes all pods .*; say --yes|"bramble reset" needs root; try sudo)\n$/,
  },
]
describe('what is typed wrongly is refused with exit code 2 and says what is allowed', { concurrency: 2 }, () => {
  for (const { name, args, stderr } of misuse)
    test(name, async () => {
      const ended = await bramble(...args)
      assert.match(ended.stderr, stderr)
      assert.deepEqual([ended.code, ended.stdout], [2, ''])
    })
})

describe('without a control plane on this machine', { concurrency: 2 }, () => {
  const none =
    /^bramble: no control plane has run on this machine \(.*nowhere\/server\/kubeconfig is not there\); start one with "bramble up" or "bramble server", or name its folder with --data-dir\n$/
  for (const command of [['kubeconfig'], ['token', 'create'], ['token', 'list'], ['token', 'delete', 'abcdef']])
    test(`${command.join(' ')} fails and says so`, async () => {
      const { code, stdout, stderr } = await bramble(...command, ...nowhere)
      assert.match(stderr, none)
      assert.deepEqual([code, stdout], [1, ''])
    })

  test('status says that nothing runs, with exit code 3', async () => {
    const { code, stdout, stderr } = await bramble('status', ...nowhere)
    assert.match(stdout, /^control-plane +not running .*\nnode-agent +not running .*\nAPI +no control plane has run on this machine/)
    assert.deepEqual([code, stderr], [3, ''])
  })

  test('a kubeconfig that is damaged is named', async () => {
    const broken = await temporaryFolder({ after })
    await mkdir(join(broken, 'server'))
    await writeFile(join(broken, 'server', 'kubeconfig'), 'clusters: []')
    const { code, stderr } = await bramble('token', 'list', '--data-dir', broken)
    assert.match(stderr, /^bramble: .*server\/kubeconfig is damaged .*; start the control plane again, it writes a new one\n$/)
    assert.equal(code, 1)
  })
})
