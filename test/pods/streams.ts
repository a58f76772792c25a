import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import { type Cluster, OUTSIDE, said } from '../e2e/cluster.ts'
import type { Kubectl } from '../e2e/kubectl.ts'
import { BUSYBOX, pod, script, service } from '../e2e/manifests.ts'
import { onNodeOf, type RuntimeUnderTest } from './runtimes.ts'

const BYTES = 3_000_000
const PORT = 8080
const SERVE = `mkdir -p /www; echo hello > /www/index.html; httpd -p ${PORT} -h /www; while :; do sleep 1 & wait $!; done`

/** What clients open into pods, with one kubectl and one runtime. */
export function streams(cluster: () => Cluster, { name: runtime, node }: RuntimeUnderTest, version: Kubectl): void {
  const name = `streams-${version.version.replace('.', '-')}`
  const options = { with: version, timeoutMs: 60_000 }
  const argv = (args: readonly string[]) => cluster().kubectlCommand(['--namespace', runtime, ...args], version)
  const kubectl = (...args: readonly string[]) => cluster().kubectl(['--namespace', runtime, ...args], options)
  const result = (...args: readonly string[]) =>
    cluster().kubectlResult(['--namespace', runtime, ...args], { ...options, exitCodes: 'any' })
  /** A script outside, whose `"$@"` is that command of kubectl and whose `$bytes` are some megabytes. */
  const around = (lines: string, ...args: readonly string[]) =>
    cluster().run(OUTSIDE, ['sh', '-c', lines, 'sh', ...argv(args)], { timeoutMs: 60_000, exitCodes: 'any', env: { bytes } })
  const state = async (container: string, ofPod = name) => {
    const { status } = await cluster().get<Pod>('pod', ofPod, runtime)
    return [...(status?.containerStatuses ?? []), ...(status?.ephemeralContainerStatuses ?? [])].find((each) => each.name === container)
  }
  const [talks, chatty] = [`${name}-talks`, `${name}-chatty`]
  let folder: string
  let bytes: string

  describe(`streams of kubectl ${version.version}`, () => {
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), `brt-${name}-`))
      bytes = join(folder, 'bytes')
      await writeFile(bytes, randomBytes(BYTES))
      const ports = [{ name: 'http', containerPort: PORT }]
      const readinessProbe = { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 }
      await cluster().apply(
        pod(runtime, name, [script(SERVE, { ports, readinessProbe })], onNodeOf(runtime)),
        service(runtime, name, { ports: [{ name: 'web', port: 80, targetPort: 'http' }] }),
      )
      await kubectl('wait', '--for=condition=Ready', `pod/${name}`, '--timeout=50s')
    })
    after(async () => {
      await rm(folder, { recursive: true, force: true })
      await kubectl('delete', 'service', name, '--wait=false')
      await kubectl('delete', 'pod', name, talks, chatty, '--grace-period=1', '--ignore-not-found', '--wait=false')
    })

    it('a command has outputs of its own and an exit code', async () => {
      const { exitCode, stdout, stderr } = await result('exec', name, '--', 'sh', '-c', 'echo out; echo wrong >&2; exit 7')
      assert.deepEqual([exitCode, stdout, stderr], [7, 'out\n', 'wrong\ncommand terminated with exit code 7\n'])
    })

    it('megabytes go in and out of a command', async () => {
      const { exitCode, stderr } = await around('"$@" < "$bytes" | cmp - "$bytes"', 'exec', '--stdin', name, '--', 'cat')
      assert.deepEqual([exitCode, stderr], [0, ''])
    })

    it('a terminal is one, has the size of the one outside, and an exit code', async () => {
      const inside = 'tty; until [ "$(stty size 2>/dev/null)" = "33 101" ]; do sleep 0.1; done; echo is-$((6 * 7)); exit 5'
      const words = argv(['exec', '--stdin', '--tty', name, '--', 'sh', '-c', inside]).map((word) => `'${word}'`)
      const command = `stty rows 33 cols 101; exec ${words.join(' ')}`
      // nobody types, and the input has no end: `script` would type one into its terminal, and what makes that raw later reads it as NUL
      const lines = 'mkfifo "$input" && exec script --quiet --return --command "$command" /dev/null <> "$input"'
      const { exitCode, stdout } = await cluster().run(OUTSIDE, ['sh', '-c', lines], {
        timeoutMs: 60_000,
        exitCodes: 'any',
        env: { SHELL: '/bin/sh', command, input: join(folder, 'input') },
      })
      assert.equal(exitCode, 5, stdout)
      assert.match(stdout, /^\/dev\/\S+\r\nis-42\r\n/)
    })

    it('a command that is not there is named', async () => {
      const { exitCode, stderr } = await result('exec', name, '--', 'no-such-command')
      assert.notEqual(exitCode, 0)
      assert.match(stderr, /no-such-command/)
    })

    it('who attaches talks to the process, to its end', async () => {
      const more = { stdin: true, stdinOnce: true, command: ['sh', '-c', 'while read -r line; do echo "got $line"; done; echo end'] }
      await cluster().apply(pod(runtime, talks, [script('', more)], { restartPolicy: 'Never', ...onNodeOf(runtime) }))
      await kubectl('wait', '--for=condition=Ready', `pod/${talks}`, '--timeout=50s')
      const { exitCode, stdout, stderr } = await around('printf "one\\ntwo\\n" | "$@"', 'attach', '--stdin', talks)
      assert.deepEqual([exitCode, stdout], [0, 'got one\ngot two\nend\n'], stderr)
      await cluster().waitFor('it to have ended', async () => (await state('main', talks))?.state?.terminated?.exitCode === 0)
      assert.equal(await kubectl('logs', talks), 'got one\ngot two\nend\n')
    })

    it('a folder is copied in and out again', async () => {
      const [from, to] = [join(folder, 'from'), join(folder, 'to')]
      await mkdir(join(from, 'deep', 'er'), { recursive: true })
      await writeFile(join(from, 'deep', 'er', 'two words'), randomBytes(300_000))
      await writeFile(join(from, 'empty'), '')
      await kubectl('cp', from, `${name}:/tmp/there`)
      await kubectl('cp', `${name}:/tmp/there`, to)
      assert.equal((await around('diff -r "$(dirname "$bytes")/from" "$(dirname "$bytes")/to"')).stdout, '')
      assert.equal((await readFile(join(to, 'deep', 'er', 'two words'))).length, 300_000)
    })

    it('a forwarded port takes many requests and large answers, and says that nobody listens', async () => {
      await kubectl('cp', bytes, `${name}:/www/bytes`)
      const forwards = await cluster().spawn(OUTSIDE, argv(['port-forward', name, `:${PORT}`, ':81']))
      const port = (to: number) =>
        cluster().waitFor(`a port that leads to ${to}`, async () =>
          new RegExp(`127\\.0\\.0\\.1:(\\d+) -> ${to}$`, 'm').exec((await said(forwards)).join('\n'))?.at(1),
        )
      const url = `http://127.0.0.1:${await port(PORT)}`
      assert.equal(await cluster().curl(OUTSIDE, `${url}/index.html?[1-20]`, 30), 'hello\n'.repeat(20))
      const all = await around(`curl --silent --noproxy '*' --max-time 30 ${url}/bytes | cmp - "$bytes"`)
      assert.deepEqual([all.exitCode, all.stderr], [0, ''])
      await assert.rejects(cluster().curl(OUTSIDE, `http://127.0.0.1:${await port(81)}/`, 10))
      await cluster().waitFor('the error', async () =>
        (await said(forwards)).some((line) => /an error occurred forwarding \d+ -> 81: .*refused/i.test(line)),
      )
      await forwards.ended // it gives up then
    })

    it('logs are followed to the end, and read by attempt, age, length and container', async () => {
      const lines = `if [ ! -e /kept/once ]; then touch /kept/once; echo first; exit 3; fi
echo line 1; sleep 1; echo line 2; sleep 1; echo line 3; until [ -e /kept/go ]; do sleep 0.1; done; sleep 1; echo last`
      const mounted = { volumeMounts: [{ name: 'kept', mountPath: '/kept' }] }
      await cluster().apply(
        pod(runtime, chatty, [script(lines, mounted), script('echo beside', { name: 'other' })], {
          restartPolicy: 'OnFailure',
          volumes: [{ name: 'kept', emptyDir: {} }],
          ...onNodeOf(runtime),
        }),
      )
      const main = ['logs', chatty, '--container=main'] as const
      await cluster().waitFor('the second attempt', async () => (await kubectl(...main)) === 'line 1\nline 2\nline 3\n')
      const following = await cluster().spawn(OUTSIDE, argv([...main, '--follow']))
      await cluster().waitFor('what was said before', async () => (await said(following)).length === 3)
      await kubectl('exec', chatty, '--container=main', '--', 'touch', '/kept/go')
      assert.equal((await following.ended).exitCode, 0)
      assert.deepEqual(await said(following), ['line 1', 'line 2', 'line 3', 'last'])
      assert.equal(await kubectl(...main, '--previous'), 'first\n')
      assert.equal(await kubectl(...main, '--tail=2'), 'line 3\nlast\n')
      assert.equal(await kubectl(...main, '--since=1h'), 'line 1\nline 2\nline 3\nlast\n')
      const stamped = await kubectl(...main, '--timestamps')
      const [, third] = /^(\S+Z) line 3$/m.exec(stamped) ?? assert.fail(stamped)
      assert.match(await kubectl(...main, `--since-time=${third}`), /^(line 2\n)?line 3\nlast\n$/) // kubectl asks for whole seconds
      const all = await kubectl('logs', chatty, '--all-containers', '--prefix', '--tail=1')
      assert.deepEqual(all.trim().split('\n').sort(), [`[pod/${chatty}/main] last`, `[pod/${chatty}/other] beside`])
    })

    it('a container for debugging sees the processes of another', async () => {
      const command = ['sh', '-c', 'ps -o comm | grep -cx httpd; exit 4']
      const debug = ['debug', name, `--image=${BUSYBOX}`, '--image-pull-policy=Never', '--target=main', '--container=looks', '--']
      await kubectl(...debug, ...command)
      await cluster().waitFor('its end', async () => (await state('looks'))?.state?.terminated?.exitCode === 4)
      assert.equal(await kubectl('logs', name, '--container=looks'), '1\n')
      assert.deepEqual([(await state('main'))?.restartCount, (await state('main'))?.ready], [0, true])
    })

    it('proxies lead to the node, the pod and the Service', async () => {
      const raw = (path: string) => kubectl('get', '--raw', path)
      assert.equal(await raw(`/api/v1/nodes/${node}/proxy/healthz`), 'ok')
      const { items } = JSON.parse(await raw(`/api/v1/nodes/${node}/proxy/pods`)) as { items: Pod[] }
      assert.ok(items.some(({ metadata }) => metadata.name === name && metadata.namespace === runtime))
      const inNamespace = `/api/v1/namespaces/${runtime}`
      assert.equal(await raw(`${inNamespace}/pods/${name}:${PORT}/proxy/index.html`), 'hello\n')
      const throughService = () => raw(`${inNamespace}/services/${name}:web/proxy/index.html`)
      assert.equal(await cluster().waitFor('an endpoint of the Service', throughService), 'hello\n')
      assert.match((await result('get', '--raw', `${inNamespace}/pods/${name}:81/proxy/`)).stderr, /ServiceUnavailable|refused/)
    })
  })
}
