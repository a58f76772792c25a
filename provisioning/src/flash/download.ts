import { setTimeout as delay } from 'node:timers/promises'
import { DiskError } from '../disk/disk-error.ts'

/** What a server tells of a file before it is downloaded. */
export interface RemoteFile {
  readonly url: string
  /** Where it came from in the end: the next redirect may lead to another mirror. */
  readonly from: string
  readonly sizeBytes: number | undefined
  /** Names this version of the file, so that the rest of a cut download is of the same. */
  readonly version: string | undefined
  readonly canResume: boolean
  /** The first bytes asked for. */
  readonly head: Buffer
}

const RETRIES = 6
const RETRY_MAX_MS = 15_000
const STALLED_MS = 60_000

/** Asks for the first bytes of a file. @throws DiskError 'io' when the server does not have it or cannot be reached. */
export async function lookAt(url: string, headBytes: number, signal?: AbortSignal): Promise<RemoteFile> {
  return retried(url, signal, async () => {
    const response = await request(url, { range: `bytes=0-${headBytes - 1}` }, signal)
    const isEmpty = response.status === 416
    if (!isEmpty) refuseFailed(url, response)
    const total =
      /\/(\d+)$/.exec(response.headers.get('content-range') ?? '')?.[1] ??
      (response.status === 200 ? response.headers.get('content-length') : null)
    return {
      url,
      from: response.url,
      sizeBytes: isEmpty ? 0 : total === null ? undefined : Number(total),
      version: response.headers.get('etag')?.replace(/^W\/.*/, '') || response.headers.get('last-modified') || undefined,
      canResume: response.status === 206,
      head: isEmpty ? Buffer.alloc(0) : await firstBytes(response, headBytes),
    }
  })
}

/** The last bytes of a file, or undefined when the server cannot send them alone. */
export async function tailOf({ url, from, sizeBytes, canResume }: RemoteFile, tailBytes: number): Promise<Buffer | undefined> {
  if (!canResume || sizeBytes === undefined) return undefined
  return retried(url, undefined, async () => {
    const response = await request(from, { range: `bytes=${Math.max(0, sizeBytes - tailBytes)}-${sizeBytes - 1}` })
    return response.status === 206 ? Buffer.from(await response.arrayBuffer()) : undefined
  })
}

/** A small text, or undefined when there is none. */
export async function downloadText(url: string, bytesMax: number): Promise<string | undefined> {
  return retried(url, undefined, async () => {
    const response = await request(url, {})
    if (response.status >= 500) refuseFailed(url, response)
    const isText = response.ok && !/html/.test(response.headers.get('content-type') ?? '')
    const bytes = await firstBytes(response, bytesMax)
    return isText ? bytes.toString('utf8') : undefined
  })
}

/**
 * The bytes of a file. A download that breaks off or stalls goes on where it was, a bounded number of times without a byte between.
 * @throws DiskError 'io' when it does not go on, 'corrupt' when the file changed meanwhile.
 */
export async function* download(file: RemoteFile, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const { url, sizeBytes, version } = file
  let position = 0
  for (let failures = 0; ; ) {
    try {
      for await (const bytes of part(file, position, signal)) {
        position += bytes.length
        failures = 0
        yield bytes
      }
      if (sizeBytes === undefined || position === sizeBytes) return
      if (position > sizeBytes) throw new DiskError('corrupt', `${url}: is longer than its server said: has it changed meanwhile?`)
      throw new Error('the connection was closed')
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof DiskError && error.code !== 'io') throw error
      if (position > 0 && (!file.canResume || version === undefined))
        throw new DiskError(
          'io',
          `${url}: the download broke off at ${progressOf(position, sizeBytes)}, and its server cannot resume: download it first and give the file`,
          { cause: error },
        )
      if (++failures > RETRIES)
        throw new DiskError('io', `${url}: the download broke off at ${progressOf(position, sizeBytes)}: ${reasonOf(error)}`, {
          cause: error,
        })
      await pause(failures, signal)
    }
  }
}

const progressOf = (position: number, sizeBytes: number | undefined): string => `byte ${position} of ${sizeBytes ?? 'an unknown number'}`

async function* part(
  { url, from: mirror, version, canResume }: RemoteFile,
  position: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stalled = new AbortController()
  const watch = (): NodeJS.Timeout => setTimeout(() => stalled.abort(new Error(`nothing came for ${STALLED_MS / 1000} s`)), STALLED_MS)
  let timer = watch()
  try {
    const either = AbortSignal.any([signal, stalled.signal])
    const condition: Record<string, string> = version === undefined || !canResume ? {} : { 'if-range': version }
    const headers = canResume ? { range: `bytes=${position}-`, ...condition } : {}
    let response = await request(mirror, headers, either)
    if (mirror !== url && response.status >= 400 && response.status < 500) response = await request(url, headers, either) // its link has expired
    refuseFailed(url, response)
    const from = Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1] ?? 0)
    if (from !== position) throw new DiskError('corrupt', `${url}: has changed while it was downloaded: begin anew`)
    for await (const bytes of response.body ?? []) {
      clearTimeout(timer)
      yield bytes
      timer = watch()
    }
  } finally {
    clearTimeout(timer)
  }
}

const request = (url: string, headers: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<Response> =>
  fetch(url, { headers: { 'accept-encoding': 'identity', ...headers }, signal: signal ?? AbortSignal.timeout(STALLED_MS) })

/** 5xx and 429 pass; the rest is final. */
function refuseFailed(url: string, { status, statusText }: Response): void {
  if (status === 200 || status === 206) return
  if (status >= 500 || status === 429 || status === 408) throw new DiskError('io', `${url}: its server answers ${status} ${statusText}`)
  const missing = status === 404 || status === 410
  throw new DiskError(
    'layout',
    `${url}: ${missing ? 'is not there (404)' : `its server refuses: ${status} ${statusText}`}: is the address right?`,
  )
}

async function firstBytes(response: Response, count: number): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const bytes of response.body ?? []) {
    parts.push(bytes)
    length += bytes.length
    if (length >= count) break // leaving cancels the rest
  }
  return Buffer.concat(parts).subarray(0, count)
}

async function retried<T>(url: string, signal: AbortSignal | undefined, act: () => Promise<T>): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await act()
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof DiskError && error.code !== 'io') throw error
      if (failures > 2)
        throw error instanceof DiskError ? error : new DiskError('io', `${url}: cannot be reached: ${reasonOf(error)}`, { cause: error })
      await pause(failures, signal)
    }
  }
}

/** None before the first retry, then doubling. */
const pause = (failures: number, signal: AbortSignal | undefined): Promise<void> =>
  delay(failures === 1 ? 0 : Math.min(500 * 2 ** failures, RETRY_MAX_MS), undefined, { ...(signal && { signal }) })

/** fetch hides why it failed in the cause. */
const reasonOf = (error: unknown): string => {
  const { message, cause } = error as Error
  return cause instanceof Error ? cause.message || ((cause as NodeJS.ErrnoException).code ?? message) : message
}
