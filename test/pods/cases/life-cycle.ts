import type { PodCase } from '../pod-case.ts'

const DEAF = `trap "" TERM; echo up; while :; do sleep 1; done`

export const LIFE_CYCLE: readonly PodCase[] = [
  {
    title: 'one that ends well has succeeded',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, "echo out; echo err >&2"]
`,
    outcome: {
      phase: 'Succeeded',
      ready: false,
      status: {
        containerStatuses: [{ restartCount: 0, ready: false, started: false, state: { terminated: { exitCode: 0, reason: 'Completed' } } }],
      },
      logs: { main: /^(out\nerr|err\nout)\n$/ },
      events: [/^Scheduled: /, /^Pulled: Container image "localhost\/busybox" already present/, /^Created: /, /^Started: /],
    },
  },
  {
    title: 'one that ends badly has failed, with its exit code',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, exit 3]
`,
    outcome: { phase: 'Failed', status: { containerStatuses: [{ state: { terminated: { exitCode: 3, reason: 'Error' } } }] } },
  },
  {
    title: 'one that shall be restarted on failure is, until it ends well',
    spec: `
restartPolicy: OnFailure
containers:
- name: main
  command: [sh, -c, 'echo x >> /kept/tries; cat /kept/tries; [ $(wc -l < /kept/tries) -ge 2 ]']
  volumeMounts: [{ name: kept, mountPath: /kept }]
volumes: [{ name: kept, emptyDir: {} }]
`,
    outcome: {
      phase: 'Succeeded',
      status: {
        containerStatuses: [{ restartCount: 1, lastState: { terminated: { exitCode: 1 } }, state: { terminated: { exitCode: 0 } } }],
      },
      logs: { main: 'x\nx\n', 'main (previous)': 'x\n' },
    },
  },
  {
    title: 'one that ends again and again waits in between',
    spec: `
containers:
- name: main
  command: [sh, -c, exit 7]
`,
    outcome: {
      phase: 'Running',
      ready: false,
      status: {
        containerStatuses: [
          {
            state: {
              waiting: { reason: 'CrashLoopBackOff', message: /^back-off 10s restarting failed container=main pod=\S+_\S+\(\S+\)$/ },
            },
            lastState: { terminated: { exitCode: 7 } },
          },
        ],
      },
      events: [/^BackOff: Back-off restarting failed container main in pod /],
    },
  },
  {
    title: 'one with init containers runs them one after the other, before the rest',
    spec: `
restartPolicy: Never
initContainers:
- name: first
  command: [sh, -c, 'echo one >> /kept/order']
  volumeMounts: [{ name: kept, mountPath: /kept }]
- name: second
  command: [sh, -c, 'echo two >> /kept/order']
  volumeMounts: [{ name: kept, mountPath: /kept }]
containers:
- name: main
  command: [cat, /kept/order]
  volumeMounts: [{ name: kept, mountPath: /kept }]
volumes: [{ name: kept, emptyDir: {} }]
`,
    outcome: {
      phase: 'Succeeded',
      logs: { main: 'one\ntwo\n' },
      status: {
        initContainerStatuses: [
          { name: 'first', ready: true, state: { terminated: { exitCode: 0 } } },
          { name: 'second', ready: true },
        ],
      },
    },
  },
  {
    title: 'one whose init container fails for good never starts the rest',
    spec: `
restartPolicy: Never
initContainers:
- name: first
  command: [sh, -c, exit 9]
containers:
- name: main
  command: [sh, -c, echo never]
`,
    outcome: {
      phase: 'Failed',
      status: {
        initContainerStatuses: [{ state: { terminated: { exitCode: 9 } } }],
        containerStatuses: [{ state: { waiting: { reason: 'PodInitializing' } }, containerID: undefined }],
      },
    },
  },
  {
    title: 'one with a sidecar ends when the rest has ended',
    spec: `
restartPolicy: Never
terminationGracePeriodSeconds: 5
initContainers:
- name: sidecar
  restartPolicy: Always
  command: [sh, -c, 'trap "exit 0" TERM; echo beside > /kept/word; while :; do sleep 1 & wait; done']
  volumeMounts: [{ name: kept, mountPath: /kept }]
  startupProbe: { exec: { command: [test, -s, /kept/word] }, periodSeconds: 1 }
containers:
- name: main
  command: [cat, /kept/word]
  volumeMounts: [{ name: kept, mountPath: /kept }]
volumes: [{ name: kept, emptyDir: {} }]
`,
    outcome: {
      phase: 'Succeeded',
      logs: { main: 'beside\n' },
      status: { initContainerStatuses: [{ name: 'sidecar', state: { terminated: { exitCode: 0 } } }] },
    },
  },
  {
    title: 'one whose sidecar ends gets it again',
    spec: `
initContainers:
- name: sidecar
  restartPolicy: Always
  command: [sh, -c, 'echo x >> /kept/tries; [ $(wc -l < /kept/tries) -ge 2 ] || exit 1; sleep 600']
  volumeMounts: [{ name: kept, mountPath: /kept }]
containers:
- name: main
  command: [sh, -c, 'sleep 600']
volumes: [{ name: kept, emptyDir: {} }]
terminationGracePeriodSeconds: 1
`,
    outcome: {
      phase: 'Running',
      ready: true,
      status: { initContainerStatuses: [{ restartCount: 1, started: true, state: { running: {} } }] },
    },
  },
  {
    title: 'one with a postStart hook runs it inside its container',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'until [ -e /tmp/hooked ]; do sleep 0.1; done; echo hooked']
  lifecycle: { postStart: { exec: { command: [touch, /tmp/hooked] } } }
`,
    outcome: { phase: 'Succeeded', logs: { main: 'hooked\n' } },
  },
  {
    title: 'one whose postStart hook fails loses its container',
    spec: `
terminationGracePeriodSeconds: 1
containers:
- name: main
  command: [sleep, "600"]
  lifecycle: { postStart: { exec: { command: [sh, -c, 'echo no luck; exit 4'] } } }
`,
    outcome: {
      phase: 'Running',
      ready: false,
      events: [/^FailedPostStartHook: /],
      status: { containerStatuses: [{ lastState: { terminated: {} } }] },
    },
  },
  {
    title: 'one with a preStop hook runs it before its container is stopped',
    spec: `
terminationGracePeriodSeconds: 5
containers:
- name: main
  command: [sh, -c, 'cat /kept/farewell 2>/dev/null && sleep 600; echo first; sleep 600']
  lifecycle: { preStop: { exec: { command: [sh, -c, 'echo farewell > /kept/farewell'] } } }
  livenessProbe: { exec: { command: [test, -e, /kept/farewell] }, periodSeconds: 1, failureThreshold: 1, terminationGracePeriodSeconds: 2 }
  volumeMounts: [{ name: kept, mountPath: /kept }]
volumes: [{ name: kept, emptyDir: {} }]
`,
    outcome: {
      phase: 'Running',
      ready: true,
      logs: { main: 'farewell\n', 'main (previous)': 'first\n' },
      status: { containerStatuses: [{ restartCount: 1 }] },
      events: [/^Killing: Container main failed liveness probe, will be restarted/, /^Unhealthy: Liveness probe failed/],
    },
  },
  {
    title: 'one that is deaf to SIGTERM is killed after its grace',
    spec: `
containers:
- name: main
  command: [sh, -c, '${DEAF}']
  livenessProbe: { exec: { command: ["false"] }, periodSeconds: 1, failureThreshold: 1, terminationGracePeriodSeconds: 1 }
`,
    outcome: { phase: 'Running', status: { containerStatuses: [{ lastState: { terminated: { exitCode: 137, reason: 'Error' } } }] } },
  },
  {
    title: 'one that leaves a message is quoted',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'printf sorry > /tmp/last; exit 1']
  terminationMessagePath: /tmp/last
`,
    outcome: { phase: 'Failed', status: { containerStatuses: [{ state: { terminated: { exitCode: 1, message: 'sorry' } } }] } },
  },
  {
    title: 'one that leaves none is quoted from its log when it wants that',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'echo broken; exit 1']
  terminationMessagePolicy: FallbackToLogsOnError
`,
    outcome: { phase: 'Failed', status: { containerStatuses: [{ state: { terminated: { message: /^broken\n$/ } } }] } },
  },
  {
    title: 'one that may be active for a time only is ended then',
    spec: `
activeDeadlineSeconds: 2
terminationGracePeriodSeconds: 1
containers:
- name: main
  command: [sleep, "600"]
`,
    outcome: {
      phase: 'Failed',
      status: { reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' },
    },
  },
  {
    title: 'one whose memory runs out is OOMKilled',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'x=$(head -c 60000000 /dev/zero | tr "\\\\0" a); echo \${#x}']
  resources: { limits: { memory: 16Mi } }
`,
    outcome: {
      phase: 'Failed',
      status: { containerStatuses: [{ state: { terminated: { exitCode: 137, reason: 'OOMKilled' } } }], qosClass: 'Burstable' },
    },
  },
]
