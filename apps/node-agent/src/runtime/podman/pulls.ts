// Pure: who pulls an image, and what is wrong with one.
import type { RegistryLogin } from '../runtime.ts'

/**
 * Headers `X-Registry-Auth` of the logins that fit an image's registry, most specific first.
 * @see Source: Docker Engine API, "Authentication".
 */
export const credentialsFor = (name: string, logins: readonly RegistryLogin[]): readonly string[] => loginsFor(name, logins).map(header)

/**
 * The logins that fit an image's registry, most specific first. A host may begin with `*.`; a path of a login must lead the image's.
 *
 * @param name Full name, `registry.local:5000/team/web:1`.
 * @see Source: kubernetes pkg/credentialprovider, `URLsMatch`.
 */
export function loginsFor(name: string, logins: readonly RegistryLogin[]): readonly RegistryLogin[] {
  return logins
    .map((login) => ({ login, place: placeOf(login.registry) }))
    .filter(({ place }) => leads(place, name))
    .sort((a, b) => b.place.length - a.place.length)
    .map(({ login }) => login)
}

/** `https://index.docker.io/v1/` and the like are Docker Hub. */
function placeOf(registry: string): string {
  const place = registry.replace(/^https?:\/\//, '').replace(/\/(v[12]\/?)?$/, '')
  return /^(index\.|registry-1\.)?docker\.io$/.test(place) ? 'docker.io' : place
}

function leads(place: string, name: string): boolean {
  const [host = '', ...path] = place.split('/')
  const [imageHost = '', ...imagePath] = name.split('@')[0]!.split('/')
  const isHost = host.startsWith('*.')
    ? imageHost.endsWith(host.slice(1)) && !imageHost.slice(0, -host.length + 1).includes('.')
    : host === imageHost
  return isHost && path.every((part, index) => part === imagePath[index]?.split(':')[0])
}

const header = ({ username, password, identityToken }: RegistryLogin): string =>
  Buffer.from(
    JSON.stringify({
      ...(username !== undefined && { username }),
      ...(password !== undefined && { password }),
      ...(identityToken !== undefined && { identitytoken: identityToken }),
    }),
  )
    .toString('base64')
    .replace(/\+/g, '-')
    .replace(/\//g, '_') // with its padding, or Podman finds that something is missing

/** What Kubernetes' users know, when an image is for another kind of machine; undefined when it can run here. */
export function platformProblem(platform: string | undefined, architecture: NodeJS.Architecture): string | undefined {
  const own = `linux/${architecture === 'x64' ? 'amd64' : architecture}`
  if (platform === undefined || platform === own || (own === 'linux/arm64' && platform === 'linux/arm')) return undefined
  return `no match for platform in manifest: the image is for ${platform}, this node is ${own}`
}

/** Whether these words of Podman say that a part of its storage was lost, as in a power cut. */
export const isDamage = (words: string): boolean =>
  /layer not known|invalid memory address|readlink .*: invalid argument|unexpected end of JSON input|size of layer|file integrity/.test(
    words,
  )
