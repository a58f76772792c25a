import { type PodCase, UNTIL_STOPPED } from '../pod-case.ts'

export const NETWORK_AND_IMAGES: readonly PodCase[] = [
  {
    title: 'one has its own name, and one address',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'hostname; cat /etc/hostname; ip -4 -o addr show dev eth0 | grep -c "inet 10\\.42\\."; tail -n 1 /etc/hosts']
`,
    outcome: { phase: 'Succeeded', logs: { main: /^(\S+)\n\1\n1\n10\.42\.\S+\s+\1\n$/ } },
  },
  {
    title: 'one with a name and a subdomain has a full name',
    spec: `
restartPolicy: Never
hostname: one
subdomain: many
containers:
- name: main
  command: [sh, -c, 'hostname; tail -n 1 /etc/hosts | tr -s "\\t " "  " | cut -d " " -f 2-']
`,
    outcome: { phase: 'Succeeded', logs: { main: /^one\none\.many\.(podman|containerd)\.svc\.cluster\.local one\n$/ } },
  },
  {
    title: 'one with names of its own for addresses finds them',
    spec: `
restartPolicy: Never
hostAliases: [{ ip: 192.0.2.7, hostnames: [printer, printer.home] }]
containers:
- name: main
  command: [sh, -c, 'grep 192.0.2.7 /etc/hosts']
`,
    outcome: { phase: 'Succeeded', logs: { main: /^192\.0\.2\.7\s+printer\s+printer\.home\n$/ } },
  },
  {
    title: 'one with name servers of its own asks these',
    spec: `
restartPolicy: Never
dnsPolicy: None
dnsConfig: { nameservers: [192.0.2.53], searches: [home.example], options: [{ name: ndots, value: "2" }, { name: edns0 }] }
containers:
- name: main
  command: [cat, /etc/resolv.conf]
`,
    outcome: {
      phase: 'Succeeded',
      logs: {
        main: /^search home\.example\nnameserver 192\.0\.2\.53\noptions ndots:2 edns0\n$|^nameserver 192\.0\.2\.53\nsearch home\.example\noptions ndots:2 edns0\n$/,
      },
    },
  },
  {
    title: "one on its node's network has the address of the node",
    spec: `
hostNetwork: true
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'ip -4 -o addr show dev eth0 | grep -c "inet 198\\.51\\.100\\."; hostname']
`,
    outcome: { phase: 'Succeeded', logs: { main: /^1\nh[12]\n$/ }, status: { podIP: /^198\.51\.100\./, hostIP: /^198\.51\.100\./ } },
  },
  {
    title: 'one has one network, host name and memory between its containers',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'until [ -e /dev/shm/word ]; do sleep 0.1; done; cat /dev/shm/word; until nc -w 1 127.0.0.1 7000 < /dev/null > /tmp/heard && [ -s /tmp/heard ]; do sleep 0.2; done; touch /dev/shm/heard; cat /tmp/heard']
- name: other
  command: [sh, -c, 'hostname > /dev/shm/word; until [ -e /dev/shm/heard ]; do (echo heard; sleep 1) | timeout 3 nc -l -p 7000; done']
`,
    outcome: { phase: 'Succeeded', logs: { main: /^\S+\nheard\n$/ } },
  },
  {
    title: 'one that shares its processes sees them all',
    spec: `
restartPolicy: Never
shareProcessNamespace: true
terminationGracePeriodSeconds: 1
containers:
- name: main
  command: [sh, -c, 'until ps | grep -q "[s]leep 4242"; do sleep 0.2; done; [ $$ != 1 ] && echo not the first; kill $(pidof sleep | tr " " "\\n" | head -n 1) 2>/dev/null; exit 0']
- name: other
  command: [sh, -c, 'sleep 4242; exit 0']
`,
    outcome: { phase: 'Succeeded', logs: { main: 'not the first\n' } },
  },
  {
    title: 'one that shares the processes of its node sees them',
    spec: `
restartPolicy: Never
hostPID: true
containers:
- name: main
  command: [sh, -c, '[ $$ != 1 ] && ps | grep -c "[h]ost-init.sh\\|[s]leep infinity" > /tmp/n; [ $(cat /tmp/n) -ge 1 ] && echo seen']
`,
    outcome: { phase: 'Succeeded', logs: { main: 'seen\n' } },
  },
  {
    title: 'one with a terminal has one',
    spec: `
restartPolicy: Never
containers:
- name: main
  tty: true
  command: [sh, -c, 'tty; [ -t 1 ] && echo terminal']
`,
    outcome: { phase: 'Succeeded', logs: { main: /^\/dev\/(pts\/0|console)\r?\nterminal\r?\n$/ } },
  },
  {
    title: 'one that says long lines is logged whole',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'head -c 300000 /dev/zero | tr "\\\\0" a; echo; echo end']
`,
    outcome: { phase: 'Succeeded', logs: { main: /^a{300000}\nend\n$/ } },
  },
  {
    title: 'one can be entered',
    spec: `
terminationGracePeriodSeconds: 1
containers:
- name: main
  command: [sh, -c, 'trap "exit 0" TERM; echo up; ${UNTIL_STOPPED}']
- name: other
  command: [sh, -c, 'trap "exit 0" TERM; touch /tmp/other; ${UNTIL_STOPPED}']
`,
    outcome: { phase: 'Running', ready: true, exec: { 'echo inside; hostname >/dev/null': 'inside\n', 'other: ls /tmp': 'other\n' } },
  },
  {
    title: 'one whose image must be there and is not waits, and says so',
    spec: `
containers: [{ name: main, image: localhost/absent, imagePullPolicy: Never }]
`,
    outcome: {
      phase: 'Pending',
      status: {
        containerStatuses: [
          {
            state: {
              waiting: {
                reason: 'ErrImageNeverPull',
                message: 'Container image "localhost/absent" is not present with pull policy of Never',
              },
            },
          },
        ],
      },
      events: [/^ErrImageNeverPull: /],
    },
  },
  {
    title: 'one whose image has no valid name waits, and says so',
    spec: `
containers: [{ name: main, image: "Not An Image" }]
`,
    outcome: {
      phase: 'Pending',
      status: { containerStatuses: [{ state: { waiting: { reason: 'InvalidImageName' } } }] },
      events: [/^InspectFailed: Failed to apply default image tag "Not An Image"/],
    },
  },
  {
    title: 'one whose registry does not answer tries again and again, and says so',
    spec: `
containers: [{ name: main, image: "127.0.0.1:1/absent:1", imagePullPolicy: Always }]
`,
    outcome: {
      phase: 'Pending',
      status: {
        containerStatuses: [
          { state: { waiting: { reason: 'ImagePullBackOff', message: /^Back-off pulling image "127\.0\.0\.1:1\/absent:1"/ } } },
        ],
      },
      events: [
        /^Pulling: Pulling image "127\.0\.0\.1:1\/absent:1"/,
        /^Failed: Failed to pull image "127\.0\.0\.1:1\/absent:1": .*connection refused/,
        /^Failed: Error: ErrImagePull/,
        /^BackOff: Back-off pulling image/,
      ],
    },
  },
  {
    title: 'one whose command is not in its image says so',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [/bin/absent]
`,
    outcome: {
      phase: 'Failed',
      status: { containerStatuses: [{ state: { terminated: { exitCode: 128, reason: 'StartError', message: /\/bin\/absent/ } } }] },
      events: [/^Failed: Error: .*\/bin\/absent/],
    },
  },
]
