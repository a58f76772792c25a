import { RuntimeError } from '../runtime.ts'

const DOMAIN =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::\d+)?$|^\[[0-9a-fA-F:]+\](?::\d+)?$/
const PATH_PART = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/
const TAG = /^\w[\w.-]{0,127}$/
const DIGEST = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}$/

/**
 * The full name of an image as Kubernetes understands it: `nginx` → `docker.io/library/nginx:latest`, `pi:5000/web` → `pi:5000/web:latest`.
 * An id (`sha256:` and 64 digits) stays as it is.
 *
 * @throws RuntimeError `InvalidImageName`.
 * @see Source: distribution/reference, "Grammar" and `ParseNormalizedNamed`.
 */
export function fullImageName(reference: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(reference)) return reference
  const invalid = (problem: string): RuntimeError =>
    new RuntimeError('InvalidImageName', `image "${reference}": ${problem}; write it as [registry[:port]/]path[:tag][@digest]`)

  const [named = '', digest, ...moreDigests] = reference.split('@')
  if (moreDigests.length > 0 || (digest !== undefined && !DIGEST.test(digest))) throw invalid('its digest cannot be read')
  const colon = named.lastIndexOf(':')
  const tagged = colon > named.lastIndexOf('/')
  const tag = tagged ? named.slice(colon + 1) : undefined
  if (tag !== undefined && !TAG.test(tag)) throw invalid('its tag cannot be read')

  const parts = (tagged ? named.slice(0, colon) : named).split('/')
  const first = parts[0]!
  const hasDomain = parts.length > 1 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase())
  const domain = hasDomain ? parts.shift()! : 'docker.io'
  if (!DOMAIN.test(domain)) throw invalid('its registry cannot be read')
  if (parts.length === 0 || !parts.every((part) => PATH_PART.test(part)))
    throw invalid('its path must be lower-case letters, digits, ".", "_" and "-"')
  if (domain === 'docker.io' && parts.length === 1) parts.unshift('library')

  const suffix = digest === undefined ? `:${tag ?? 'latest'}` : `${tag === undefined ? '' : `:${tag}`}@${digest}`
  return `${domain}/${parts.join('/')}${suffix}`
}

/** Made on this machine: there is no registry to ask for it. */
export const isLocalImage = (fullName: string): boolean => fullName.startsWith('localhost/')
