// Pure: pull secrets to logins, logins to those that fit an image.
import type { Secret } from '@bramble/api/types/core'
import { fitsGlob } from '../../host/glob.ts'
import { fullImageName } from '../../runtime/podman/image-reference.ts'
import type { RegistryLogin } from '../../runtime/runtime.ts'

/** A pull secret cannot be read. The message names the secret, never what is in it. */
export class PullSecretError extends Error {
  override readonly name = 'PullSecretError'
}

/**
 * The logins in pull secrets, in their order. Secrets of other types hold none.
 *
 * @throws PullSecretError
 * @see Source: kubernetes credentialprovider/secrets MakeDockerKeyring; DockerConfigEntry UnmarshalJSON: `auth` wins over fields.
 */
export function loginsIn(secrets: readonly Secret[]): readonly RegistryLogin[] {
  return secrets.flatMap((secret) => {
    const file = FILES[secret.type ?? '']
    const base64 = file && secret.data?.[file]
    if (!file || base64 === undefined) return []
    const content = parsed(secret, file, base64)
    const entries = file === '.dockercfg' ? content : objectOf(secret, file, content['auths'] ?? {})
    return Object.entries(entries).map(([registry, entry]) => loginOf(secret, file, registry, objectOf(secret, file, entry)))
  })
}

/**
 * Those whose registry fits the image, most specific first. `*` stands for any part of a host name between two dots; a path fits as a
 * prefix; the port must be the same.
 *
 * @returns them as logins of that very registry.
 * @throws RuntimeError `InvalidImageName`
 * @see Source: kubernetes credentialprovider BasicDockerKeyring.Lookup, URLsMatch; Kubernetes "Interpretation of config.json".
 */
export function loginsFor(reference: string, logins: readonly RegistryLogin[]): readonly RegistryLogin[] {
  if (logins.length === 0) return []
  const repository = repositoryOf(reference)
  const at = repository.indexOf('/')
  const wanted: Place = { ...hostAndPort(repository.slice(0, at)), path: repository.slice(at) }
  const keyed = logins.map((login) => ({ login, place: placeOf(login.registry) }))
  return keyed
    .filter(({ place }) => covers(place, wanted))
    .sort((a, b) => compare(keyOf(b.place), keyOf(a.place)))
    .map(({ login }) => ({ ...login, registry: repository.slice(0, at) }))
}

/** Name of an image without tag and digest, registry included: `docker.io/library/nginx`. @throws RuntimeError `InvalidImageName`. */
export const repositoryOf = (reference: string): string =>
  fullImageName(reference)
    .replace(/@.*$/, '')
    .replace(/:[^/:]*$/, '')

const FILES: Readonly<Record<string, string>> = {
  'kubernetes.io/dockerconfigjson': '.dockerconfigjson',
  'kubernetes.io/dockercfg': '.dockercfg',
}
type Entries = Readonly<Record<string, unknown>>

function parsed(secret: Secret, file: string, base64: string): Entries {
  try {
    return objectOf(secret, file, JSON.parse(Buffer.from(base64, 'base64').toString('utf8')))
  } catch {
    throw unreadable(secret, file)
  }
}

function objectOf(secret: Secret, file: string, value: unknown): Entries {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw unreadable(secret, file)
  return value as Entries
}

const unreadable = ({ metadata }: Secret, file: string): PullSecretError =>
  new PullSecretError(
    `couldn't parse pull secret "${metadata.namespace}/${metadata.name}": "${file}" is not the JSON of a Docker configuration`,
  )

function loginOf(secret: Secret, file: string, registry: string, entry: Entries): RegistryLogin {
  const text = (name: string): string | undefined => (typeof entry[name] === 'string' && entry[name] !== '' ? entry[name] : undefined)
  const auth = text('auth')
  let [username, password] = [text('username'), text('password')]
  if (auth !== undefined) {
    const pair = Buffer.from(auth, 'base64').toString('utf8')
    const colon = pair.indexOf(':')
    if (colon < 0) throw unreadable(secret, file)
    username = pair.slice(0, colon)
    password = pair.slice(colon + 1).replace(/\0+$/, '')
  }
  const identityToken = text('identitytoken')
  return {
    registry: registry.replace(/^https?:\/\//, ''),
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(identityToken !== undefined && { identityToken }),
  }
}

interface Place {
  readonly host: string
  readonly port: string
  /** With its first slash, or empty. */
  readonly path: string
}

function placeOf(registry: string): Place {
  const slash = registry.indexOf('/')
  const path = slash < 0 ? '' : registry.slice(slash).replace(/^\/v[12](?=\/)/, '')
  const { host, port } = hostAndPort(slash < 0 ? registry : registry.slice(0, slash))
  return { host: DOCKER_HUB.has(host) ? 'docker.io' : host, port, path: path === '/' ? '' : path }
}

function hostAndPort(text: string): { readonly host: string; readonly port: string } {
  const found = /^(.*?)(?::(\d+))?$/.exec(text)
  return { host: found?.[1] ?? text, port: found?.[2] ?? '' }
}

/** What Docker Hub is called in files that `docker login` wrote. */
const DOCKER_HUB = new Set(['docker.io', 'index.docker.io', 'registry-1.docker.io'])
const keyOf = ({ host, port, path }: Place): string => `${host}${port && `:${port}`}${path}`

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function covers(place: Place, wanted: Place): boolean {
  const [patterns, parts] = [place.host.split('.'), wanted.host.split('.')]
  return (
    place.port === wanted.port &&
    patterns.length === parts.length &&
    wanted.path.startsWith(place.path) &&
    patterns.every((pattern, index) => fitsGlob(pattern, parts[index]!))
  )
}
