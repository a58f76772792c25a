import { createReadStream } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createZstdDecompress } from 'node:zlib'
import { HostError, runCommand, startPiped } from '../host/exec.ts'
import { UnfitRelease } from './releases.ts'

const CHECK_MS_MAX = 600_000
/** Of a card that is busy and a processor that is slow. */
const SELF_TEST_MS_MAX = 180_000

/**
 * Unpacks an archive as release `version` of `folder`: it appears there whole, checked, tried and synced, or not at all.
 *
 * @throws UnfitRelease when it is whole and does not run here.
 */
export async function unpackRelease(archive: string, version: string, folder: string, signal: AbortSignal): Promise<void> {
  const part = join(folder, `.${version}.part`)
  await rm(part, { recursive: true, force: true })
  await mkdir(part, { mode: 0o755 })
  try {
    await untar(archive, part, signal)
    await check(part, version, signal)
    await selfTest(part, version, signal)
    await runCommand('sync', ['-f', part], { timeoutMs: CHECK_MS_MAX })
    await rm(join(folder, version), { recursive: true, force: true }) // one that was not whole
    await rename(part, join(folder, version))
    await runCommand('sync', ['-f', folder], { timeoutMs: CHECK_MS_MAX })
  } catch (error) {
    await rm(part, { recursive: true, force: true })
    throw error
  }
}

/** Without its top folder. */
async function untar(archive: string, folder: string, signal: AbortSignal): Promise<void> {
  const args = ['--extract', '--file=-', '--directory', folder, '--strip-components=1', '--no-same-owner']
  const tar = startPiped('tar', args, { stdin: true, stdout: false })
  let complaint = ''
  tar.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, 500)
  })
  try {
    await pipeline(createReadStream(archive), createZstdDecompress(), tar.stdin!, { signal })
  } catch (error) {
    // it may hang up before the padding at the end, or because it could not go on: its exit code says which
    const { code } = error as NodeJS.ErrnoException
    if (signal.aborted || (code !== 'EPIPE' && code !== 'ERR_STREAM_PREMATURE_CLOSE')) {
      tar.kill()
      await tar.ended
      throw error
    }
  }
  const { exitCode } = await tar.ended
  if (exitCode !== 0) throw new Error(`its archive cannot be unpacked: ${complaint.trim() || `tar ended with ${exitCode ?? 'a signal'}`}`)
}

async function check(folder: string, version: string, signal: AbortSignal): Promise<void> {
  const manifest = JSON.parse(await readFile(join(folder, 'release.json'), 'utf8')) as { readonly version?: string; readonly arch?: string }
  if (manifest.version !== version) throw new UnfitRelease(`its archive holds version ${manifest.version}`)
  if (manifest.arch !== process.arch) throw new UnfitRelease(`it is for ${manifest.arch}, and this node is ${process.arch}`)
  await runCommand('sha256sum', ['--check', '--quiet', '--strict', 'SHA256SUMS'], { cwd: folder, timeoutMs: CHECK_MS_MAX, signal })
}

/** Whether its programs start on this machine at all. */
async function selfTest(folder: string, version: string, signal: AbortSignal): Promise<void> {
  try {
    const { stdout } = await runCommand(join(folder, 'bin/bramble'), ['version'], { timeoutMs: SELF_TEST_MS_MAX, signal })
    if (stdout.trim() !== version) throw new UnfitRelease(`asked for its version it says "${stdout.trim().slice(0, 80)}"`)
  } catch (error) {
    if (signal.aborted || !(error instanceof HostError)) throw error
    throw new UnfitRelease(`it does not start: ${error.message.replace(`${folder}/`, '')}`)
  }
}
