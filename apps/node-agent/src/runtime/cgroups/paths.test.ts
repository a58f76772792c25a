import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type CgroupManager, classPlace, containerFolders, podPlace, type QosClass, givenPlace, isOfPod } from './paths.ts'

describe('where the cgroup of a pod is', () => {
  const UID = '0a1b-2c'
  const cases: readonly (readonly [CgroupManager, QosClass, folder: string, parent: string])[] = [
    ['cgroupfs', 'Guaranteed', '/bramble/pod0a1b-2c', '/bramble/pod0a1b-2c'],
    ['cgroupfs', 'Burstable', '/bramble/burstable/pod0a1b-2c', '/bramble/burstable/pod0a1b-2c'],
    ['cgroupfs', 'BestEffort', '/bramble/besteffort/pod0a1b-2c', '/bramble/besteffort/pod0a1b-2c'],
    ['systemd', 'Guaranteed', '/bramble.slice/bramble-pod0a1b_2c.slice', 'bramble-pod0a1b_2c.slice'],
    [
      'systemd',
      'Burstable',
      '/bramble.slice/bramble-burstable.slice/bramble-burstable-pod0a1b_2c.slice',
      'bramble-burstable-pod0a1b_2c.slice',
    ],
    [
      'systemd',
      'BestEffort',
      '/bramble.slice/bramble-besteffort.slice/bramble-besteffort-pod0a1b_2c.slice',
      'bramble-besteffort-pod0a1b_2c.slice',
    ],
  ]
  for (const [manager, qosClass, folder, parent] of cases)
    it(`${qosClass} with ${manager}`, () => assert.deepEqual(podPlace(manager, 'bramble', qosClass, UID), { folder, parent }))

  it('the groups of classes are those that pods lie in', () => {
    for (const [manager, qosClass] of cases) {
      const { folder } = podPlace(manager, 'bramble', qosClass, UID)
      assert.equal(folder.slice(0, folder.lastIndexOf('/')), classPlace(manager, 'bramble', qosClass).folder)
    }
  })

  it('the group of a pod is told from others in that of its class by its name', () => {
    for (const [manager, , folder] of cases) assert.ok(isOfPod(manager, folder.split('/').at(-1)!), folder)
    for (const name of ['burstable', 'besteffort', 'libpod-c1', 'cgroup.procs']) assert.ok(!isOfPod('cgroupfs', name), name)
    for (const name of ['bramble-burstable.slice', 'libpod-c1.scope', 'cgroup.procs']) assert.ok(!isOfPod('systemd', name), name)
  })

  it('a container is found under the name that any of the runtimes gives it', () => {
    for (const name of ['libpod-c1', 'libpod-c1.scope', 'c1', 'cri-containerd-c1.scope', 'crio-c1.scope'])
      assert.ok(containerFolders('c1').includes(name), name)
  })
})

for (const { name, manager, parent, want } of [
  { name: 'a path', manager: 'cgroupfs', parent: '/kubepods/burstable/podx/', want: { folder: '/kubepods/burstable/podx' } },
  { name: 'a path without its slash', manager: 'cgroupfs', parent: 'kubepods', want: { folder: '/kubepods' } },
  {
    name: 'a slice lies in those that its name begins with',
    manager: 'systemd',
    parent: 'kubepods-burstable-podx.slice',
    want: { folder: '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podx.slice', parent: 'kubepods-burstable-podx.slice' },
  },
] as const)
  it(`a group that somebody else named: ${name}`, () => assert.partialDeepStrictEqual(givenPlace(manager, parent), want))
