import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { insidePrivateHost, privateHostTest } from '../../apps/node-agent/src/host/private-host.ts'
import type { ReleaseArch } from '../../provisioning/src/release/release-name.ts'
import { run } from '../../provisioning/src/run.ts'
import { archiveOf, BUSYBOX_IMAGE } from '../../tools/images/build.ts'
import { makeReleases, unpackRelease, whyNoReleases } from './release.fixture.ts'

const FOLDER = 'BRAMBLE_TEST_RELEASE'
const arch = process.arch as ReleaseArch
const ROOT = join(import.meta.dirname, '../..')

if (insidePrivateHost()) tests(process.env[FOLDER]!)
else {
  const skip = await whyNoReleases(arch)
  if (skip !== undefined) test('a release becomes a cluster', { skip }, () => {})
  else {
    const folder = await mkdtemp(join(tmpdir(), 'bramble-release-up-'))
    after(() => rm(folder, { recursive: true, force: true }))
    await makeReleases(folder, arch)
    process.env[FOLDER] = await unpackRelease(folder, arch, join(folder, 'opt'))
    privateHostTest(import.meta.filename)
  }
}

/** The repository, its packages and Debian's CNI plugins are out of sight of the release, and so is every Node.js but its own. */
const HIDE = [
  `for folder in ${ROOT} /usr/lib/cni /opt/cni/bin /usr/libexec/cni; do [ ! -d "$folder" ] || mount -t tmpfs none "$folder"; done`,
  'for program in node npm; do path=$(command -v $program) && mount --bind /dev/null "$(readlink -f "$path")" || true; done',
]

/** In one namespace, so that what one step mounts the next one finds. */
const STEPS = `
set -eu
${HIDE.join('\n')}
cd /
if npm --version >/dev/null 2>&1; then echo 'npm is in sight'; exit 1; fi
here="--data-dir $data"
trap '"$release/bin/bramble" down --rm $here' EXIT
"$release/bin/bramble" up $here --node-name pi-1 --advertise-address 127.0.0.1 --node-ip 127.0.0.1 --runtime podman
podman load --quiet --input "$data/image.tar"
export KUBECONFIG="$data/server/kubeconfig"
kubectl run hello --image=${BUSYBOX_IMAGE} --restart=Never --image-pull-policy=Never --command -- echo hello from a release
kubectl wait pod/hello --for=jsonpath='{.status.phase}'=Succeeded --timeout=60s || { kubectl describe pod hello; tail -n 5 "$data/log/node-agent.log"; exit 1; }
kubectl logs hello
"$release/bin/bramble" status $here
`

function tests(release: string): void {
  test('a release alone, without npm and without a network, becomes a cluster with a Ready node that runs a pod', async (t) => {
    const data = await mkdtemp(join(tmpdir(), 'bramble-release-data-'))
    t.after(() => rm(data, { recursive: true, force: true }))
    await writeFile(join(data, 'image.tar'), (await archiveOf(BUSYBOX_IMAGE)).bytes)
    const { exitCode, stdout, stderr } = await run('unshare', ['--mount', '--propagation', 'private', '--', 'sh', '-c', STEPS], {
      env: { release, data },
    })
    assert.equal(exitCode, 0, `${stdout}\n${stderr}`)
    assert.match(stdout, /node "pi-1": Ready after .*\n(.*\n)*hello from a release\n/)
  })
}
