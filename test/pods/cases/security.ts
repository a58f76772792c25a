import type { PodCase } from '../pod-case.ts'

/** Fields of /proc/self/status. */
const own = (fields: string): string => `grep -E "^(${fields}):" /proc/self/status | tr -d "\\t "`

export const SECURITY: readonly PodCase[] = [
  {
    title: 'one that names a user and a group runs as these',
    spec: `
restartPolicy: Never
securityContext: { runAsUser: 1000, runAsGroup: 3000, supplementalGroups: [4000] }
containers:
- name: main
  command: [sh, -c, 'id -u; id -g; id -G']
- name: other
  securityContext: { runAsUser: 1001 }
  command: [id, -u]
`,
    outcome: { phase: 'Succeeded', logs: { main: '1000\n3000\n3000 4000\n', other: '1001\n' } },
  },
  {
    title: 'one that must not be root is not started as root',
    spec: `
containers:
- name: main
  command: [sleep, "600"]
  securityContext: { runAsNonRoot: true }
`,
    outcome: {
      phase: 'Pending',
      status: {
        containerStatuses: [
          {
            state: {
              waiting: { reason: 'CreateContainerConfigError', message: /^container has runAsNonRoot and image will run as root / },
            },
          },
        ],
      },
    },
  },
  {
    title: 'one with a read-only root cannot write there',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'touch /x 2>&1; touch /tmp2/y && echo written']
  securityContext: { readOnlyRootFilesystem: true }
  volumeMounts: [{ name: kept, mountPath: /tmp2 }]
volumes: [{ name: kept, emptyDir: {} }]
`,
    outcome: { phase: 'Succeeded', logs: { main: 'touch: /x: Read-only file system\nwritten\n' } },
  },
  {
    title: 'one that drops all rights has none',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, '${own('CapEff|CapBnd')}']
  securityContext: { capabilities: { drop: [ALL] } }
`,
    outcome: { phase: 'Succeeded', logs: { main: /^CapEff:0{16}\nCapBnd:0{16}\n$/ } },
  },
  {
    title: 'one that drops all rights but one has that',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, '${own('CapEff')}']
  securityContext: { capabilities: { drop: [ALL], add: [NET_BIND_SERVICE] } }
`,
    outcome: { phase: 'Succeeded', logs: { main: 'CapEff:0000000000000400\n' } },
  },
  {
    title: 'one without wishes has the usual rights',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, '${own('CapEff')}']
`,
    outcome: { phase: 'Succeeded', logs: { main: 'CapEff:00000000a80425fb\n' } },
  },
  {
    title: 'one that is privileged sees the devices of its node',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'ls /dev/kmsg; ${own('Seccomp')}']
  securityContext: { privileged: true }
`,
    outcome: { phase: 'Succeeded', logs: { main: '/dev/kmsg\nSeccomp:0\n' } },
  },
  {
    title: 'one that may not gain rights cannot',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, '${own('NoNewPrivs')}']
  securityContext: { allowPrivilegeEscalation: false }
`,
    outcome: { phase: 'Succeeded', logs: { main: 'NoNewPrivs:1\n' } },
  },
  {
    title: "one with the runtime's seccomp profile is filtered",
    spec: `
restartPolicy: Never
securityContext: { seccompProfile: { type: RuntimeDefault } }
containers:
- name: main
  command: [sh, -c, '${own('Seccomp')}']
`,
    outcome: { phase: 'Succeeded', logs: { main: 'Seccomp:2\n' } },
  },
  {
    title: 'one without seccomp is not filtered',
    spec: `
restartPolicy: Never
securityContext: { seccompProfile: { type: Unconfined } }
containers:
- name: main
  command: [sh, -c, '${own('Seccomp')}']
`,
    outcome: { phase: 'Succeeded', logs: { main: 'Seccomp:0\n' } },
  },
  {
    title: 'one with a seccomp profile that is not there waits, and says so',
    spec: `
securityContext: { seccompProfile: { type: Localhost, localhostProfile: not/there.json } }
containers:
- name: main
  command: [sleep, "600"]
`,
    outcome: {
      phase: 'Pending',
      status: { containerStatuses: [{ state: { waiting: { reason: /^CreateContainer(Config)?Error$/, message: /not\/there\.json/ } } }] },
    },
  },
  {
    title: 'one with kernel parameters has them in its own network',
    spec: `
restartPolicy: Never
securityContext: { sysctls: [{ name: net.ipv4.ip_unprivileged_port_start, value: "79" }] }
containers:
- name: main
  command: [cat, /proc/sys/net/ipv4/ip_unprivileged_port_start]
`,
    outcome: { phase: 'Succeeded', logs: { main: '79\n' } },
  },
  {
    title: 'one that forks without end stays within its number of processes',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'i=0; while [ $i -lt 5000 ]; do sleep 30 & i=$((i+1)); done 2>&1 | grep -m 1 -o "can.t fork"; exit 0']
`,
    outcome: { phase: 'Succeeded', logs: { main: /can.t fork/ } },
  },
]
