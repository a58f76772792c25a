import { readdir, readFile, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** What is wanted of `layers.json` and `images.json`. */
interface Layer {
  readonly id: string
  readonly parent?: string
}
interface StoredImage {
  readonly id: string
  readonly layer?: string
}

/**
 * Images that a power cut has damaged: a layer of theirs is unknown, or has lost the small files that tie it to the others, which Podman
 * notices too late or not at all. Only overlay storage is looked at; what has no such storage has no damage.
 *
 * @param graphRoot Where Podman keeps its things.
 * @returns ids, without `sha256:`.
 */
export async function damagedImages(graphRoot: string): Promise<readonly string[]> {
  const [layers, images] = await Promise.all([
    readList<Layer>(join(graphRoot, 'overlay-layers', 'layers.json')),
    readList<StoredImage>(join(graphRoot, 'overlay-images', 'images.json')),
  ])
  const parents = new Map(layers.map(({ id, parent }) => [id, parent]))
  const whole = new Map<string, boolean>()
  for (const { id, parent } of layers) whole.set(id, await isWhole(join(graphRoot, 'overlay'), id, parent !== undefined && parent !== ''))

  const isDamaged = ({ layer }: StoredImage): boolean => {
    for (let id = layer; id !== undefined && id !== ''; id = parents.get(id)) if (whole.get(id) !== true) return true
    return false
  }
  return images.filter(isDamaged).map(({ id }) => id)
}

/** @see Source: containers/storage, drivers/overlay: `diff`, `link`, `lower` and the links in `l`. */
async function isWhole(overlay: string, id: string, hasParent: boolean): Promise<boolean> {
  const folder = join(overlay, id)
  try {
    const link = (await readFile(join(folder, 'link'), 'utf8')).trim()
    if (link === '' || (await readlink(join(overlay, 'l', link))) !== `../${id}/diff`) return false
    if (hasParent && (await readFile(join(folder, 'lower'), 'utf8')).trim() === '') return false
    return (await stat(join(folder, 'diff'))).isDirectory()
  } catch {
    return false
  }
}

/** A file that is broken has nothing in it, as Podman sees it. */
async function readList<T>(path: string): Promise<readonly T[]> {
  try {
    const list: unknown = JSON.parse(await readFile(path, 'utf8'))
    return Array.isArray(list) ? (list as T[]) : []
  } catch {
    return []
  }
}

/** Databases of Podman's under its folder, of either kind. */
export async function databasesIn(graphRoot: string): Promise<readonly string[]> {
  const places = [join(graphRoot, 'libpod', 'bolt_state.db'), join(graphRoot, 'db.sql')]
  const found = await Promise.all(
    places.map((path) =>
      readdir(join(path, '..')).then(
        (names) => names.includes(path.split('/').at(-1)!),
        () => false,
      ),
    ),
  )
  return places.filter((_, index) => found[index])
}
