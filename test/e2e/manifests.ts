import { BUSYBOX_IMAGE, HELLO_IMAGE, HELLO_PORT } from '../../tools/images/build.ts'

// Objects as a user would write them; whatever a test is about comes on top.

type Fields = Readonly<Record<string, unknown>>

const imageName = (image: string): string => image.replace(/:latest$/, '')
export const HELLO = imageName(HELLO_IMAGE)
export const BUSYBOX = imageName(BUSYBOX_IMAGE)

export const namespace = (name: string): object => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })

const field = (name: string, fieldPath: string): object => ({ name, valueFrom: { fieldRef: { fieldPath } } })

/** Answers HTTP requests with its pod's name, node and address, and with the address that asked. */
export const hello = (more: Fields = {}): object => ({
  name: 'hello',
  image: HELLO,
  imagePullPolicy: 'Never',
  ports: [{ name: 'http', containerPort: HELLO_PORT }],
  env: [field('POD_NAME', 'metadata.name'), field('NODE_NAME', 'spec.nodeName'), field('POD_IP', 'status.podIP')],
  readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 1 },
  ...more,
})

/** Runs a script that ends at once when it is told to. */
export const script = (lines: string, more: Fields = {}): object => ({
  name: 'main',
  image: BUSYBOX,
  imagePullPolicy: 'Never',
  command: ['sh', '-c', `trap 'exit 0' TERM\n${lines}`],
  ...more,
})
/** For the end of a script. */
export const FOR_EVER = 'while :; do sleep 1 & wait; done'

export const pod = (inNamespace: string, name: string, containers: readonly object[], more: Fields = {}): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: inNamespace, labels: { app: name } },
  spec: { terminationGracePeriodSeconds: 5, containers, ...more },
})

const workload =
  (kind: string) =>
  (inNamespace: string, name: string, containers: readonly object[], spec: Fields = {}, podSpec: Fields = {}): object => ({
    apiVersion: 'apps/v1',
    kind,
    metadata: { name, namespace: inNamespace, labels: { app: name } },
    spec: {
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { terminationGracePeriodSeconds: 5, containers, ...podSpec } },
      ...spec,
    },
  })
export const deployment = workload('Deployment')
export const daemonSet = workload('DaemonSet')

export const service = (inNamespace: string, name: string, spec: Fields = {}): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: inNamespace },
  spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 'http' }], ...spec },
})

export interface Answer {
  readonly pod: string
  readonly node: string
  readonly podIp: string
  /** The address that the pod saw. */
  readonly client: string
}

/** What `hello` answered, one per request. */
export const answersIn = (text: string): readonly Answer[] =>
  [...text.matchAll(/Hello from pod (\S+) on node (\S+), address (\S+)\.\nYou are \[?(?:::ffff:)?([\d.]+)\]?\./g)].map(
    ([, podName, node, podIp, client]) => ({ pod: podName!, node: node!, podIp: podIp!, client: client! }),
  )
