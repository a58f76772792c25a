import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

// npm run bench [-- NAME [OPTION…]]: without a name, what there is.

const BENCHES = {
  footprint: 'memory, idle CPU, disk writes and traffic of both programs on three hosts, beside Docker Swarm (20 min)',
  'pod-start': 'how long pods, replicas, restarts and the loss of a node take on three hosts, beside podman and Docker Swarm (15 min)',
  agent:
    'the agent alone on Podman and on containerd: memory, idle CPU, disk writes, pods, exec and logs, beside the plain runtime (15 min)',
  'power-cut': 'a host loses power while pods start and boots without its link: until all of them run, beside the plain runtime (5 min)',
  iptables: 'first fill and one change of the Service rules, 100 to 5000 Services (2 min)',
  soak: 'pods come and go for an hour: does memory grow? (--minutes N)',
  provisioning: 'write speed of cards beside dd and xzcat | dd (3 min; [PART…] --mib N --repeats N)',
  api: 'reads, writes and watches per second over HTTPS, 1000 watchers, a start with 10,000 pods (3 min)',
} as const

const [name, ...options] = process.argv.slice(2)
if (name === undefined) for (const [bench, what] of Object.entries(BENCHES)) console.log(`npm run bench -- ${bench.padEnd(10)}  ${what}`)
else if (!(name in BENCHES)) {
  console.error(`no bench is called "${name}": ${Object.keys(BENCHES).join(', ')}`)
  process.exitCode = 2
} else
  process.exitCode =
    spawnSync(process.execPath, [...process.execArgv, join(import.meta.dirname, `${name}.ts`), ...options], { stdio: 'inherit' }).status ??
    1
