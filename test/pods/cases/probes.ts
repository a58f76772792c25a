import type { PodCase } from '../pod-case.ts'

export const PROBES: readonly PodCase[] = [
  {
    title: 'one that answers over HTTP is ready',
    spec: `
terminationGracePeriodSeconds: 1
containers:
- name: main
  command: [sh, -c, 'mkdir /tmp/www; echo well > /tmp/www/health; exec httpd -f -p 8080 -h /tmp/www']
  ports: [{ name: web, containerPort: 8080 }]
  readinessProbe: { httpGet: { path: /health, port: web }, periodSeconds: 1 }
`,
    outcome: { phase: 'Running', ready: true, status: { containerStatuses: [{ started: true, ready: true }] } },
  },
  {
    title: 'one that answers with 404 is not',
    spec: `
terminationGracePeriodSeconds: 1
containers:
- name: main
  command: [httpd, -f, -p, "8080", -h, /tmp]
  readinessProbe: { httpGet: { path: /none, port: 8080 }, periodSeconds: 1 }
`,
    outcome: { phase: 'Running', ready: false, events: [/^Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 404/] },
  },
  {
    title: 'one that listens is ready over TCP',
    spec: `
terminationGracePeriodSeconds: 1
containers:
- name: main
  command: [httpd, -f, -p, "8080", -h, /tmp]
  readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 }
`,
    outcome: { phase: 'Running', ready: true },
  },
  {
    title: 'one whose command says so is ready',
    spec: `
terminationGracePeriodSeconds: 1
containers:
- name: main
  command: [sh, -c, 'sleep 1; touch /tmp/well; sleep 600']
  readinessProbe: { exec: { command: [cat, /tmp/well] }, periodSeconds: 1 }
`,
    outcome: { phase: 'Running', ready: true, events: [/^Unhealthy: Readiness probe failed: cat: can't open '\/tmp\/well'/] },
  },
  {
    title: 'one that starts slowly is not judged by its liveness probe before',
    spec: `
terminationGracePeriodSeconds: 1
containers:
- name: main
  command: [sh, -c, 'sleep 3; touch /tmp/well; sleep 600']
  startupProbe: { exec: { command: [cat, /tmp/well] }, periodSeconds: 1, failureThreshold: 30 }
  livenessProbe: { exec: { command: [cat, /tmp/well] }, periodSeconds: 1, failureThreshold: 1 }
`,
    outcome: { phase: 'Running', ready: true, status: { containerStatuses: [{ restartCount: 0, started: true }] } },
  },
  {
    title: 'one that never starts up is restarted',
    spec: `
terminationGracePeriodSeconds: 1
containers:
- name: main
  command: [sleep, "600"]
  startupProbe: { exec: { command: ["false"] }, periodSeconds: 1, failureThreshold: 2 }
`,
    outcome: { phase: 'Running', ready: false, events: [/^Killing: Container main failed startup probe, will be restarted/] },
  },
  {
    title: 'one whose probe hangs is told so, and goes on',
    spec: `
terminationGracePeriodSeconds: 1
containers:
- name: main
  command: [sleep, "600"]
  readinessProbe: { exec: { command: [sleep, "30"] }, periodSeconds: 1, timeoutSeconds: 1 }
`,
    outcome: {
      phase: 'Running',
      ready: false,
      events: [/^Unhealthy: Readiness probe failed: .*timed out/],
      status: { containerStatuses: [{ restartCount: 0 }] },
    },
  },
  {
    title: 'one with a readiness gate waits for the condition of others',
    spec: `
readinessGates: [{ conditionType: example.org/open }]
terminationGracePeriodSeconds: 1
containers:
- name: main
  command: [sleep, "600"]
`,
    outcome: {
      phase: 'Running',
      ready: false,
      status: {
        conditions: [
          { type: 'PodReadyToStartContainers', status: 'True' },
          { type: 'Initialized', status: 'True' },
          { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady' },
          { type: 'ContainersReady', status: 'True' },
          { type: 'PodScheduled', status: 'True' },
        ],
      },
    },
  },
]
