import type { PodCase } from '../pod-case.ts'

const CONFIG = `
kind: ConfigMap
apiVersion: v1
metadata: { name: $NAME }
data: { colour: green, app.conf: "threads=4\\n", not-a-name: odd }
---
kind: Secret
apiVersion: v1
metadata: { name: $NAME }
stringData: { password: hush }
`

export const CONFIGURATION: readonly PodCase[] = [
  {
    title: 'one with variables has them expanded, in order',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'echo "$A|$B|$C|$D"']
  env:
  - { name: A, value: one }
  - { name: B, value: "$(A)-two" }
  - { name: C, value: "$$(A)" }
  - { name: D, value: "$(E)" }
  - { name: E, value: late }
- name: words
  command: [echo]
  args: ["$(A) $$(A) $(NONE)"]
  env: [{ name: A, value: one }]
`,
    outcome: { phase: 'Succeeded', logs: { main: 'one|one-two|$(A)|$(E)\n', words: 'one $(A) $(NONE)\n' } },
  },
  {
    title: 'one with ConfigMaps and Secrets as variables has them all',
    needs: CONFIG,
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'echo "$CFG_colour $PASSWORD $KEY ${'$'}{NONE-absent}"']
  envFrom:
  - { prefix: CFG_, configMapRef: { name: $NAME } }
  - { secretRef: { name: not-there, optional: true } }
  env:
  - { name: PASSWORD, valueFrom: { secretKeyRef: { name: $NAME, key: password } } }
  - { name: KEY, valueFrom: { configMapKeyRef: { name: $NAME, key: colour } } }
  - { name: NONE, valueFrom: { configMapKeyRef: { name: $NAME, key: none, optional: true } } }
`,
    outcome: { phase: 'Succeeded', logs: { main: 'green hush green absent\n' } },
  },
  {
    title: 'one that wants to know itself is told',
    labels: { tier: 'edge' },
    annotations: { note: 'of mine' },
    spec: `
restartPolicy: Never
serviceAccountName: default
containers:
- name: main
  command: [sh, -c, 'echo "$POD $SPACE $TIER $NOTE $ACCOUNT"; echo "$NODE $IP $HOST $UID_" | grep -c -E "^pi-[12] 10\\.42\\.[0-9.]+ 198\\.51\\.100\\.[0-9]+ [0-9a-f-]{36}$"']
  env:
  - { name: POD, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
  - { name: SPACE, valueFrom: { fieldRef: { fieldPath: metadata.namespace } } }
  - { name: TIER, valueFrom: { fieldRef: { fieldPath: "metadata.labels['tier']" } } }
  - { name: NOTE, valueFrom: { fieldRef: { fieldPath: "metadata.annotations['note']" } } }
  - { name: ACCOUNT, valueFrom: { fieldRef: { fieldPath: spec.serviceAccountName } } }
  - { name: NODE, valueFrom: { fieldRef: { fieldPath: spec.nodeName } } }
  - { name: IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }
  - { name: HOST, valueFrom: { fieldRef: { fieldPath: status.hostIP } } }
  - { name: UID_, valueFrom: { fieldRef: { fieldPath: metadata.uid } } }
`,
    outcome: { phase: 'Succeeded', logs: { main: /^\S+ \S+ edge of mine default\n1\n$/ } },
  },
  {
    title: 'one that wants to know its limits is told',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'echo "$CPU $MEMORY $REQUEST"']
  resources: { limits: { cpu: 250m, memory: 32Mi }, requests: { cpu: 100m } }
  env:
  - { name: CPU, valueFrom: { resourceFieldRef: { resource: limits.cpu, divisor: 1m } } }
  - { name: MEMORY, valueFrom: { resourceFieldRef: { resource: limits.memory, divisor: 1Mi } } }
  - { name: REQUEST, valueFrom: { resourceFieldRef: { resource: requests.cpu } } }
`,
    outcome: { phase: 'Succeeded', logs: { main: '250 32 1\n' } },
  },
  {
    title: 'one that needs a ConfigMap that is not there waits, and says so',
    spec: `
containers:
- name: main
  command: [sleep, "600"]
  env: [{ name: A, valueFrom: { configMapKeyRef: { name: not-there, key: a } } }]
`,
    outcome: {
      phase: 'Pending',
      status: {
        containerStatuses: [{ state: { waiting: { reason: 'CreateContainerConfigError', message: 'configmap "not-there" not found' } } }],
      },
      events: [/^Failed: Error: configmap "not-there" not found/],
    },
  },
  {
    title: 'one that needs a key that is not there waits, and says so',
    needs: CONFIG,
    spec: `
containers:
- name: main
  command: [sleep, "600"]
  env: [{ name: A, valueFrom: { secretKeyRef: { name: $NAME, key: nope } } }]
`,
    outcome: {
      phase: 'Pending',
      status: {
        containerStatuses: [{ state: { waiting: { reason: 'CreateContainerConfigError', message: /couldn't find key nope in Secret / } } }],
      },
    },
  },
  {
    title: 'one beside a Service has its variables',
    needs: `
kind: Service
apiVersion: v1
metadata: { name: s-$NAME }
spec: { clusterIP: None, selector: { none: none }, ports: [{ port: 1 }] }
---
kind: Service
apiVersion: v1
metadata: { name: my-shop }
spec: { selector: { none: none }, ports: [{ name: web, port: 81 }] }
`,
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'echo "$MY_SHOP_SERVICE_PORT $MY_SHOP_SERVICE_PORT_WEB $KUBERNETES_SERVICE_PORT"; echo $MY_SHOP_SERVICE_HOST | grep -c "^10\\.43\\."']
`,
    outcome: { phase: 'Succeeded', logs: { main: '81 81 443\n1\n' } },
  },
  {
    title: 'one with a working folder starts there',
    spec: `
restartPolicy: Never
containers:
- name: main
  workingDir: /var
  command: [pwd]
`,
    outcome: { phase: 'Succeeded', logs: { main: '/var\n' } },
  },
  {
    title: 'one with a ConfigMap as a volume sees its files, with their modes',
    needs: CONFIG,
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'cat /cfg/app.conf /cfg/sub/colour; echo; stat -L -c %a /cfg/app.conf /cfg/sub/colour; ls /cfg; touch /cfg/x 2>&1 | grep -c Read-only']
  volumeMounts: [{ name: cfg, mountPath: /cfg }]
volumes:
- name: cfg
  configMap:
    name: $NAME
    defaultMode: 0440
    items: [{ key: app.conf, path: app.conf }, { key: colour, path: sub/colour, mode: 0400 }]
`,
    outcome: { phase: 'Succeeded', logs: { main: 'threads=4\ngreen\n440\n400\napp.conf\nsub\n1\n' } },
  },
  {
    title: 'one with a Secret as a volume has it in memory only',
    needs: CONFIG,
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'cat /key/password; echo; grep -c " /key tmpfs " /proc/mounts']
  volumeMounts: [{ name: key, mountPath: /key, readOnly: true }]
volumes: [{ name: key, secret: { secretName: $NAME } }]
`,
    outcome: { phase: 'Succeeded', logs: { main: 'hush\n1\n' } },
  },
  {
    title: 'one with a projected volume has all sources in one folder',
    needs: CONFIG,
    labels: { tier: 'edge' },
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'cat /all/colour; echo; cat /all/password; echo; cat /all/labels; echo; cat /all/cpu; echo']
  resources: { limits: { cpu: "1" } }
  volumeMounts: [{ name: all, mountPath: /all }]
volumes:
- name: all
  projected:
    sources:
    - configMap: { name: $NAME, items: [{ key: colour, path: colour }] }
    - secret: { name: $NAME }
    - downwardAPI:
        items:
        - { path: labels, fieldRef: { fieldPath: metadata.labels } }
        - { path: cpu, resourceFieldRef: { containerName: main, resource: limits.cpu } }
`,
    outcome: { phase: 'Succeeded', logs: { main: 'green\nhush\ntier="edge"\n1\n' } },
  },
  {
    title: 'one with a downward volume sees its annotations',
    annotations: { note: 'of "mine"' },
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'grep note /me/annotations; cat /me/name']
  volumeMounts: [{ name: me, mountPath: /me }]
volumes:
- name: me
  downwardAPI:
    items:
    - { path: annotations, fieldRef: { fieldPath: metadata.annotations } }
    - { path: name, fieldRef: { fieldPath: metadata.name } }
`,
    outcome: { phase: 'Succeeded', logs: { main: /^note="of \\"mine\\""\n\S+$/ } },
  },
  {
    title: 'one has the token of its account, the authority and its namespace',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'cd /var/run/secrets/kubernetes.io/serviceaccount; tr -cd . < token | wc -c; grep -c BEGIN ca.crt; cat namespace']
`,
    outcome: { phase: 'Succeeded', logs: { main: /^2\n[1-9]\n(podman|containerd)$/ } },
  },
  {
    title: 'one that wants no token has none',
    spec: `
restartPolicy: Never
automountServiceAccountToken: false
containers:
- name: main
  command: [sh, -c, 'ls /var/run/secrets 2>&1 | grep -c "No such file"']
`,
    outcome: { phase: 'Succeeded', logs: { main: '1\n' } },
  },
]
