import type { PodCase } from '../pod-case.ts'

export const VOLUMES: readonly PodCase[] = [
  {
    title: 'one with an emptyDir shares it between its containers',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'until [ -s /kept/word ]; do sleep 0.1; done; cat /kept/word; stat -c %a /kept']
  volumeMounts: [{ name: kept, mountPath: /kept }]
- name: other
  command: [sh, -c, 'echo word > /kept/draft; mv /kept/draft /kept/word']
  volumeMounts: [{ name: kept, mountPath: /kept }]
volumes: [{ name: kept, emptyDir: {} }]
`,
    outcome: { phase: 'Succeeded', logs: { main: 'word\n777\n' } },
  },
  {
    title: 'one with an emptyDir in memory cannot fill more than its limit',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'grep -c " /kept tmpfs " /proc/mounts; dd if=/dev/zero of=/kept/big bs=1M count=8 2>&1 | grep -c "No space left"']
  volumeMounts: [{ name: kept, mountPath: /kept }]
volumes: [{ name: kept, emptyDir: { medium: Memory, sizeLimit: 4Mi } }]
`,
    outcome: { phase: 'Succeeded', logs: { main: '1\n1\n' } },
  },
  {
    title: 'one sees a folder of its node',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'echo here > /host/$NAME; cat /host/$NAME; rm /host/$NAME']
  volumeMounts: [{ name: host, mountPath: /host }]
volumes: [{ name: host, hostPath: { path: /var/lib/bramble/host-path-test, type: DirectoryOrCreate } }]
`,
    outcome: { phase: 'Succeeded', logs: { main: 'here\n' } },
  },
  {
    title: 'one that wants a file of its node that is not there waits, and says so',
    spec: `
containers:
- name: main
  command: [sleep, "600"]
  volumeMounts: [{ name: host, mountPath: /host }]
volumes: [{ name: host, hostPath: { path: /var/lib/bramble/not-there, type: File } }]
`,
    outcome: {
      phase: 'Pending',
      status: { containerStatuses: [{ state: { waiting: { reason: 'ContainerCreating' } } }] },
      events: [
        /^FailedMount: MountVolume.SetUp failed for volume "host" : hostPath type check failed: \/var\/lib\/bramble\/not-there is not a file/,
      ],
    },
  },
  {
    title: 'one whose volume names a ConfigMap that is not there waits, and says so',
    spec: `
containers:
- name: main
  command: [sleep, "600"]
  volumeMounts: [{ name: cfg, mountPath: /cfg }]
volumes: [{ name: cfg, configMap: { name: not-there } }]
`,
    outcome: {
      phase: 'Pending',
      status: { containerStatuses: [{ state: { waiting: { reason: 'ContainerCreating' } } }] },
      events: [/^FailedMount: MountVolume.SetUp failed for volume "cfg" : configmap "not-there" not found/],
    },
  },
  {
    title: 'one with sub paths sees only these',
    needs: `
kind: ConfigMap
apiVersion: v1
metadata: { name: $NAME }
data: { a: from-a, b: from-b }
`,
    spec: `
restartPolicy: Never
initContainers:
- name: prepare
  command: [sh, -c, 'mkdir -p /kept/deep/$(POD); echo inside > /kept/deep/$(POD)/word']
  env: [{ name: POD, valueFrom: { fieldRef: { fieldPath: metadata.name } } }]
  volumeMounts: [{ name: kept, mountPath: /kept }]
containers:
- name: main
  command: [sh, -c, 'cat /etc/a.conf; echo; cat /mine/word; ls /mine']
  env: [{ name: POD, valueFrom: { fieldRef: { fieldPath: metadata.name } } }]
  volumeMounts:
  - { name: cfg, mountPath: /etc/a.conf, subPath: a }
  - { name: kept, mountPath: /mine, subPathExpr: deep/$(POD) }
volumes:
- { name: cfg, configMap: { name: $NAME } }
- { name: kept, emptyDir: {} }
`,
    outcome: { phase: 'Succeeded', logs: { main: 'from-a\ninside\nword\n' } },
  },
  {
    title: 'one that mounts read-only cannot write',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'touch /kept/x 2>&1']
  volumeMounts: [{ name: kept, mountPath: /kept, readOnly: true }]
volumes: [{ name: kept, emptyDir: {} }]
`,
    outcome: { phase: 'Failed', logs: { main: 'touch: /kept/x: Read-only file system\n' } },
  },
  {
    title: 'one with a group for its files has it on them',
    spec: `
restartPolicy: Never
securityContext: { fsGroup: 2000, runAsUser: 1000, runAsGroup: 1000 }
containers:
- name: main
  command: [sh, -c, 'touch /kept/x; stat -c "%u %g" /kept/x; stat -c "%g %a" /kept; id -G']
  volumeMounts: [{ name: kept, mountPath: /kept }]
volumes: [{ name: kept, emptyDir: {} }]
`,
    outcome: { phase: 'Succeeded', logs: { main: '1000 2000\n2000 2777\n1000 2000\n' } },
  },
  {
    title: 'one with a claim of the default class gets a volume on its node',
    needs: `
kind: PersistentVolumeClaim
apiVersion: v1
metadata: { name: $NAME }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 10Mi } } }
`,
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'echo mine > /data/word; cat /data/word']
  volumeMounts: [{ name: data, mountPath: /data }]
volumes: [{ name: data, persistentVolumeClaim: { claimName: $NAME } }]
`,
    outcome: { phase: 'Succeeded', logs: { main: 'mine\n' } },
  },
  {
    title: 'one with a claim that is not there is not scheduled, and says so',
    spec: `
containers:
- name: main
  command: [sleep, "600"]
  volumeMounts: [{ name: data, mountPath: /data }]
volumes: [{ name: data, persistentVolumeClaim: { claimName: not-there } }]
`,
    outcome: { phase: 'Pending', events: [/^FailedScheduling: .*persistentvolumeclaim "not-there" not found/] },
  },
  {
    title: 'one with a volume of its own claim gets it',
    spec: `
restartPolicy: Never
containers:
- name: main
  command: [sh, -c, 'echo own > /data/word; cat /data/word']
  volumeMounts: [{ name: data, mountPath: /data }]
volumes:
- name: data
  ephemeral:
    volumeClaimTemplate:
      spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }
`,
    outcome: { phase: 'Succeeded', logs: { main: 'own\n' } },
  },
]
