import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { checkRelease } from '../../provisioning/src/release/check-release.ts'
import { RELEASE_ARCHES, releaseFileName } from '../../provisioning/src/release/release-name.ts'
import { must, run } from '../../provisioning/src/run.ts'
import { sha256Of } from '../../tools/release/seal.ts'
import { emptyRoot, inRoot, makeReleases, unpackRelease, VERSION, whyNoReleases, whyNotRun } from './release.fixture.ts'

const skip = (await whyNoReleases(...RELEASE_ARCHES)) ?? false

describe('a release', { skip }, () => {
  let folder: string
  let output: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bramble-release-'))
    output = join(folder, 'first')
    process.stdout.write(await makeReleases(output, ...RELEASE_ARCHES))
  })
  after(() => rm(folder, { recursive: true, force: true }))

  it('is the same, byte for byte, when it is made again', async () => {
    const again = join(folder, 'again')
    await makeReleases(again, ...RELEASE_ARCHES)
    const names = RELEASE_ARCHES.map((arch) => releaseFileName({ version: VERSION, arch }))
    assert.deepEqual((await readdir(output)).sort(), ['SHA256SUMS', ...names])
    for (const name of ['SHA256SUMS', ...names]) assert.equal(await sha256Of(join(again, name)), await sha256Of(join(output, name)), name)
    await must('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: output })
    await rm(again, { recursive: true })
  })

  for (const arch of RELEASE_ARCHES)
    describe(`for ${arch}`, () => {
      let root: string
      let release: string
      before(async () => {
        root = join(folder, `root-${arch}`)
        await emptyRoot(root, arch)
        release = await unpackRelease(output, arch, join(root, 'opt'))
      })
      /** A command of the release in a root that has nothing but a C library and a shell, without a network. */
      const bramble = (...args: readonly string[]) => run('unshare', inRoot(root, `/opt/bramble-${VERSION}/bin/bramble`, ...args))
      const cannotRun = whyNotRun(arch) ?? false

      it('is what its checksums and its manifest say', async () => {
        const { manifest, version } = await checkRelease(join(output, releaseFileName({ version: VERSION, arch })))
        assert.deepEqual([version, manifest.arch, manifest.node], [VERSION, arch, process.versions.node])
        await must('sha256sum', ['--check', '--quiet', '--strict', 'SHA256SUMS'], { cwd: release })
      })

      it('has programs for this processor and no other', async () => {
        const machine = { arm64: 183, x64: 62 }[arch] // e_machine of ELF
        for (const program of ['lib/node', 'lib/cni/ptp', 'lib/cni/host-local', 'lib/cni/portmap', 'lib/cni/loopback', 'lib/cni/bridge'])
          assert.equal((await readFile(join(release, program))).readUInt16LE(18), machine, program)
      })

      it('names the license of all that is inside, in SPDX', async () => {
        const bill = JSON.parse(await readFile(join(release, 'sbom.spdx.json'), 'utf8')) as Bill
        assert.equal(bill.spdxVersion, 'SPDX-2.3')
        const ids = bill.packages.map(({ SPDXID }) => SPDXID)
        assert.equal(new Set(ids).size, ids.length)
        for (const name of ['bramble', 'node', 'containernetworking-plugins', 'hono', 'aedes', 'mqtt', 'commander', '@peculiar/x509'])
          assert.ok(
            bill.packages.some((each) => each.name === name),
            name,
          )
        for (const { name, versionInfo, licenseDeclared, checksums, externalRefs } of bill.packages.slice(1)) {
          assert.match(externalRefs[0]!.referenceLocator, /^pkg:(npm|deb)\//)
          assert.notEqual(licenseDeclared, 'NOASSERTION', name)
          assert.match(checksums![0]!.checksumValue, /^([0-9a-f]{64}|[0-9a-f]{128})$/, name)
          const text = ['node', 'containernetworking-plugins'].includes(name) ? name : `npm/${name}/${versionInfo}`
          assert.ok((await readdir(join(release, 'licenses', text))).length > 0, name)
        }
      })

      it('starts with nothing but itself and a C library', { skip: cannotRun, timeout: 120_000 }, async () => {
        assert.deepEqual(await bramble('version'), { exitCode: 0, stdout: VERSION, stderr: '' })
        const help = await bramble('--help')
        assert.deepEqual([help.exitCode, help.stderr], [0, ''])
      })

      it('says what a machine lacks that has nothing', { skip: cannotRun, timeout: 120_000 }, async () => {
        const { exitCode, stdout, stderr } = await bramble('agent', '--check')
        assert.equal(exitCode, 1, stderr)
        assert.match(stdout, /container runtime/)
      })

      it('has CNI plugins that run', { skip: cannotRun, timeout: 120_000 }, async () => {
        const { stdout, stderr } = await run('unshare', inRoot(root, 'env', 'CNI_COMMAND=VERSION', `/opt/bramble-${VERSION}/lib/cni/ptp`), {
          input: '{"cniVersion":"1.0.0"}',
        })
        assert.match(stdout, /"supportedVersions":\[.*"1.0.0"/, stderr)
      })
    })
})

interface Bill {
  readonly spdxVersion: string
  readonly packages: readonly {
    readonly SPDXID: string
    readonly name: string
    readonly versionInfo: string
    readonly licenseDeclared: string
    readonly checksums?: readonly { readonly checksumValue: string }[]
    readonly externalRefs: readonly { readonly referenceLocator: string }[]
  }[]
}
