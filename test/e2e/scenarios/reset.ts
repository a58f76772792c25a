import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { type Cluster, NODES } from '../cluster.ts'
import { daemonSet, FOR_EVER, hello, namespace, script, service } from '../manifests.ts'

const SPACE = 'leaving'

/** The last one: the node is gone afterwards, and joins anew. */
export function reset(cluster: () => Cluster): void {
  describe('bramble reset --yes', () => {
    before(async () => {
      await cluster().apply(
        namespace(SPACE),
        service(SPACE, 'each', { type: 'NodePort', ports: [{ port: 80, targetPort: 'http', nodePort: 30095 }] }),
        { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'login', namespace: SPACE }, stringData: { password: 'hush' } },
        daemonSet(
          SPACE,
          'each',
          [
            hello(),
            script(FOR_EVER, {
              volumeMounts: [
                { name: 'login', mountPath: '/login' },
                { name: 'memory', mountPath: '/memory' },
              ],
            }),
          ],
          {},
          {
            volumes: [
              { name: 'login', secret: { secretName: 'login' } },
              { name: 'memory', emptyDir: { medium: 'Memory' } },
            ],
          },
        ),
      )
      await cluster().kubectl(['rollout', 'status', 'daemonset/each', '--namespace', SPACE, '--timeout=40s'])
    })

    it('leaves nothing of Bramble on the machine', async () => {
      const on = (script: string) => cluster().shell('pi-3', script)
      assert.notDeepEqual(await cluster().containers('pi-3'), {})
      assert.match(await cluster().firewall('pi-3'), /bramble/i)
      await cluster().stop('pi-3')
      await cluster().bramble('pi-3', ['reset', '--yes'], { timeoutMs: 60_000 })

      assert.equal(await on('podman ps --all --quiet'), '')
      assert.doesNotMatch(await cluster().firewall('pi-3'), /bramble|cni/i)
      assert.equal(await on('ip route show proto 84; ip route show | grep 10.42 || true; ip -4 rule | grep -i 84 || true'), '')
      assert.doesNotMatch(await on('ip -o link'), /veth/)
      assert.equal(await on('ip netns list'), '')
      assert.equal(await on('findmnt --raw --noheadings --output TARGET | grep -E "/bramble/|/netns/bramble|/containers/" || true'), '')
      // kubectl's cache of our API group is kubectl's
      const left =
        'find /etc /var /run /dev/shm /opt /root /usr/local -iname "*bramble*" ! -path /var/lib/bramble ! -path /etc/bramble ! -path "/root/.kube/*"'
      assert.equal(await on(left), '')
      assert.equal(await on('ls -A /var/lib/bramble /etc/bramble'), '/etc/bramble:\n\n/var/lib/bramble:\n') // mounts of the laboratory
      assert.equal(await on('ls /etc/cni/net.d /var/log/pods | grep -v cni.lock'), '/etc/cni/net.d:\n\n/var/log/pods:\n') // a lock of Podman's own
      assert.equal(await on('find /sys/fs/cgroup -iname "*bramble*" -o -iname "*kubepods*"'), '')
      // Podman's service is about to end by itself, as it is idle; process 1 is the laboratory's
      assert.equal(
        await on('ps -e -o args | grep -i "[b]ramble" | grep -v -e "^podman .* system service --time [0-9]* " -e host-init || true'),
        '',
      )
    })

    it('done again changes nothing; the machine joins again as a new node', async () => {
      await cluster().bramble('pi-3', ['reset', '--yes'], { timeoutMs: 60_000 })
      await cluster().delete('node', 'pi-3', '')
      await cluster().startAgent('pi-3', await cluster().joinArguments('pi-3'))
      await cluster().waitFor('every node to be Ready', async () => (await cluster().readyNodes()).length === NODES.length)
      await cluster().waitFor('pods on it', async () => Object.keys(await cluster().containers('pi-3')).length > 0)
    })
  })
}
