import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '@bramble/api/object'
import { claims } from './claim.ts'

const owner = (leaving = false) => ({
  metadata: {
    name: 'web',
    namespace: 'default',
    uid: 'me',
    resourceVersion: '1',
    creationTimestamp: '',
    ...(leaving && { deletionTimestamp: 'now' }),
  },
  spec: { selector: { matchLabels: { app: 'web' } } },
})

/** `me:web` = controlled by me, labelled web; `-:web!` = an orphan that is leaving. */
const aPod = (text: string, index: number): KubeObject => {
  const [, controller, app, leaving] = /^(.*):(\w+)(!?)$/.exec(text)!
  return {
    metadata: {
      name: `p${index}`,
      namespace: 'default',
      uid: `p${index}`,
      resourceVersion: '1',
      creationTimestamp: '',
      labels: { app: app! },
      ...(leaving && { deletionTimestamp: 'now' }),
      ...(controller !== '-' && {
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: controller!, uid: controller!, controller: true }],
      }),
    },
  }
}

const cases = [
  { name: 'keeps what it controls', pods: ['me:web'], mine: ['p0'], adopt: [], release: [] },
  { name: 'adopts an orphan that the selector wants', pods: ['-:web', '-:db'], mine: [], adopt: ['p0'], release: [] },
  { name: 'lets a pod go whose label was changed', pods: ['me:debug'], mine: [], adopt: [], release: ['p0'] },
  { name: 'leaves alone what another controls', pods: ['other:web'], mine: [], adopt: [], release: [] },
  { name: 'does not adopt what is leaving', pods: ['-:web!'], mine: [], adopt: [], release: [] },
  { name: 'an owner that is leaving changes nothing', leaving: true, pods: ['-:web', 'me:debug'], mine: ['p1'], adopt: [], release: [] },
]

for (const { name, pods, leaving, ...expected } of cases)
  test(name, () => {
    const found = claims(owner(leaving), pods.map(aPod))
    const names = (objects: readonly KubeObject[]): string[] => objects.map((object) => object.metadata.name)
    assert.deepEqual({ mine: names(found.mine), adopt: names(found.adopt), release: names(found.release) }, expected)
  })
