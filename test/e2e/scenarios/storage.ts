import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Pod } from '@bramble/api/types/pod'
import { type PersistentVolume, type PersistentVolumeClaim, VOLUME_NODE } from '@bramble/api/types/volume'
import type { Cluster, NodeName } from '../cluster.ts'
import { FOR_EVER, namespace, pod, script } from '../manifests.ts'

const SPACE = 'storage'
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

/** What outlives a pod, and what a pod shows to the API. */
export function storage(cluster: () => Cluster): void {
  describe('storage', () => {
    before(() => cluster().apply(namespace(SPACE)))
    after(() => cluster().delete('namespace', SPACE, '', '--timeout=40s'))

    const ready = (name: string) =>
      cluster().kubectl(['wait', '--for=condition=Ready', `pod/${name}`, '--namespace', SPACE, '--timeout=40s'])
    const nodeOf = async (name: string): Promise<NodeName> => (await cluster().get<Pod>('pod', name, SPACE)).spec.nodeName as NodeName
    const logs = (name: string) => cluster().kubectl(['logs', name, '--namespace', SPACE])

    it('a pod shows who it is to the API, through the Service kubernetes', async () => {
      await cluster().apply(pod(SPACE, 'client', [script(`cat ${ACCOUNT}/namespace; echo; cat ${ACCOUNT}/token; ${FOR_EVER}`)]))
      await ready('client')
      const [inNamespace, token] = (await cluster().waitFor('the token', async () => {
        const lines = (await logs('client')).split('\n')
        return lines.length > 1 && lines[1] !== '' && lines
      })) as readonly string[]
      assert.equal(inNamespace, SPACE)
      const authority = `${await cluster().kubectl(['get', 'configmap', 'kube-root-ca.crt', '--namespace', SPACE, '--output=jsonpath={.data.ca\\.crt}'])}\n`
      const ask =
        'authority=$(mktemp) && cat > $authority && curl --silent --max-time 10 --cacert $authority --header "Authorization: Bearer $TOKEN" $URL; rm $authority'
      const answer = await cluster().run(
        await nodeOf('client'),
        ['env', `TOKEN=${token}`, 'URL=https://10.43.0.1/api/v1/pods', 'sh', '-c', ask],
        { input: authority },
      )
      assert.match(answer.stdout, /User \\"system:serviceaccount:storage:default\\" cannot list resource \\"pods\\"/)
    })

    it('a claim keeps what a pod wrote for the next one, on its node; nothing is left when it is deleted', async () => {
      await cluster().apply({
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'data', namespace: SPACE },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Mi' } } },
      })
      const writer = (name: string) =>
        pod(
          SPACE,
          name,
          [script(`echo ${name} >> /data/log; cat /data/log; ${FOR_EVER}`, { volumeMounts: [{ name: 'data', mountPath: '/data' }] })],
          {
            volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
          },
        )
      await cluster().apply(writer('first'))
      await ready('first')
      const node = await nodeOf('first')
      await cluster().delete('pod', 'first', SPACE)
      await cluster().apply(writer('second'))
      await ready('second')
      assert.equal(await nodeOf('second'), node)
      await cluster().waitFor('both lines', async () => (await logs('second')) === 'first\nsecond\n')

      const claim = await cluster().get<PersistentVolumeClaim>('pvc', 'data', SPACE)
      const volume = await cluster().get<PersistentVolume>('pv', claim.spec.volumeName!)
      assert.equal(volume.metadata.annotations?.[VOLUME_NODE], node)
      const folder = volume.spec.local!.path!
      assert.equal(await cluster().shell(node, `cat ${folder}/log`), 'first\nsecond\n')
      await cluster().delete('pod', 'second', SPACE)
      await cluster().delete('pvc', 'data', SPACE)
      await cluster().waitFor('the volume to go', async () => (await cluster().kubectl(['get', 'pv', '--output=name'])) === '')
      assert.equal(await cluster().shell(node, `ls ${folder} 2>/dev/null || echo gone`), 'gone\n')
    })

    it('what nobody can have is said', async () => {
      await cluster().apply(
        pod(SPACE, 'lost', [script(FOR_EVER)], { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'none' } }] }),
      )
      await cluster().waitFor('the Event', async () =>
        (await cluster().kubectl(['describe', 'pod', 'lost', '--namespace', SPACE])).includes(
          '0/3 nodes are available: persistentvolumeclaim "none" not found.',
        ),
      )
    })
  })
}
