import type { ObjectKey } from '@bramble/api/object'

/** What a key needs to know of a kind; every ResourceDefinition is one. */
export interface StoredKind {
  readonly group: string
  readonly plural: string
  readonly durability: 'durable' | 'volatile'
}

/** `/core/pods/default/web`, `/apps/deployments/default/web`, `/core/nodes/pi-1`. The API version is no part of it. */
export const storeKey = (kind: Pick<StoredKind, 'group' | 'plural'>, key: ObjectKey): string => `${prefixOf(kind)}${key}`

/** Prefix of all objects of a kind, or of those in one namespace. */
export const prefixOf = ({ group, plural }: Pick<StoredKind, 'group' | 'plural'>, namespace?: string): string =>
  `/${group === '' ? 'core' : group}/${plural}/${namespace ? `${namespace}/` : ''}`

/** The reverse of {@link storeKey}: what follows the kind. */
export const objectKeyOf = (key: string): ObjectKey => key.slice(kindEnd(key))

/**
 * Whether a key belongs to a kind whose writes never reach the backend.
 * @param kinds All of them; asked again for each kind not seen yet, so a kind that is added later counts as well.
 */
export function volatileKeys(kinds: () => Iterable<StoredKind>): (key: string) => boolean {
  const known = new Map<string, boolean>()
  return (key) => {
    const prefix = key.slice(0, kindEnd(key))
    if (!known.has(prefix)) for (const kind of kinds()) known.set(prefixOf(kind), kind.durability === 'volatile')
    return known.get(prefix) ?? false
  }
}

const kindEnd = (key: string): number => key.indexOf('/', key.indexOf('/', 1) + 1) + 1
