import type { KubeObject } from '@bramble/api/object'
import type { Pod } from '@bramble/api/types/pod'
import type { KubeEvent } from '@bramble/api/types/core'
import { parseAllDocuments, parse as parseYaml } from 'yaml'
import type { Cluster } from '../e2e/cluster.ts'
import { BUSYBOX } from '../e2e/manifests.ts'
import { difference, type PodCase, saysWhatIsWanted } from './pod-case.ts'
import { onNodeOf } from './runtimes.ts'

const LIMIT_MS = 90_000
const NAME_LENGTH_MAX = 48
/** Where 0440 is a number in base 8. */
const KUBECTLS_YAML = { version: '1.1' } as const
const IMAGE = { image: BUSYBOX, imagePullPolicy: 'Never' }

type Fields = Record<string, unknown>

/** Makes the pod of a case on the node with that runtime, waits for its outcome, and takes it away. @throws Error that says what never came. */
export async function podTrial(cluster: Cluster, runtime: string, each: PodCase): Promise<void> {
  const name = nameOf(each.title)
  const needed = parseAllDocuments(each.needs?.replaceAll('$NAME', name) ?? '', KUBECTLS_YAML).map((document) => document.toJS() as Fields)
  const namespaced = needed
    .filter(Boolean)
    .map((object) => ({ ...object, metadata: { ...(object['metadata'] as Fields), namespace: runtime } }))
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: runtime, labels: each.labels, annotations: each.annotations },
    spec: withDefaults(parseYaml(each.spec.replaceAll('$NAME', name), KUBECTLS_YAML) as Fields, runtime),
  }
  try {
    if (namespaced.length > 0) await cluster.apply(...namespaced)
    await cluster.apply(pod)
    await cluster.waitFor(
      `${each.title} (${runtime})`,
      async () => {
        const missing = await whatIsMissing(cluster, runtime, name, each)
        if (missing !== undefined) throw new Error(missing)
        return true
      },
      LIMIT_MS,
    )
  } finally {
    await cluster.kubectl(['delete', 'pod', name, '--namespace', runtime, '--ignore-not-found', '--wait=false', '--grace-period=1'])
    for (const { kind, metadata } of namespaced as unknown as KubeObject[])
      await cluster.kubectl(['delete', kind!, metadata.name, '--namespace', runtime, '--ignore-not-found', '--wait=false'])
  }
}

const nameOf = (title: string): string =>
  title
    .toLowerCase()
    .replace(/^one (that|with|whose|on|in|without|beside)? ?/, '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, NAME_LENGTH_MAX)
    .replace(/-+$/, '')

function withDefaults(spec: Fields, runtime: string): Fields {
  const filled = (list: unknown): Fields[] => ((list ?? []) as Fields[]).map((container) => ({ ...IMAGE, ...container }))
  return {
    terminationGracePeriodSeconds: 1,
    ...spec,
    ...onNodeOf(runtime),
    containers: filled(spec['containers']),
    ...(spec['initContainers'] !== undefined && { initContainers: filled(spec['initContainers']) }),
  }
}

async function whatIsMissing(cluster: Cluster, runtime: string, name: string, { outcome }: PodCase): Promise<string | undefined> {
  const { status = {} } = await cluster.get<Pod>('pod', name, runtime)
  const ready = status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false
  const wrong =
    difference(status, { phase: outcome.phase }) ??
    (outcome.ready === undefined ? undefined : difference(ready, outcome.ready, 'ready')) ??
    difference(status, outcome.status ?? {})
  if (wrong !== undefined) return `${wrong}; ${JSON.stringify(status)}`
  for (const [key, wanted] of Object.entries(outcome.logs ?? {})) {
    const [container, previous] = key.split(' ')
    const text = await cluster.kubectl([
      'logs',
      name,
      '--namespace',
      runtime,
      '--container',
      container!,
      ...(previous ? ['--previous'] : []),
    ])
    if (!saysWhatIsWanted(text, wanted)) return `the log of ${key} is ${JSON.stringify(text.slice(0, 1000))}, wanted ${wanted}`
  }
  const events = await eventsOf(cluster, runtime, name)
  for (const wanted of outcome.events ?? [])
    if (!events.some((event) => wanted.test(event))) return `no Event ${wanted} among ${JSON.stringify(events)}`
  for (const [key, wanted] of Object.entries(outcome.exec ?? {})) {
    const [, container, command] = /^(?:(\w+): )?(.*)$/s.exec(key)!
    const inside = ['exec', name, '--namespace', runtime, ...(container ? ['--container', container] : []), '--', 'sh', '-c', command!]
    const text = await cluster.kubectl(inside)
    if (!saysWhatIsWanted(text, wanted)) return `"${key}" printed ${JSON.stringify(text)}, wanted ${wanted}`
  }
  return undefined
}

async function eventsOf(cluster: Cluster, namespace: string, name: string): Promise<readonly string[]> {
  const { items } = JSON.parse(
    await cluster.kubectl(['get', 'events', '--namespace', namespace, `--field-selector=involvedObject.name=${name}`, '--output=json']),
  ) as { items: KubeEvent[] }
  return items.map(({ reason, message }) => `${reason}: ${message}`)
}
