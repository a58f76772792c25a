import type { NewObject } from '@bramble/api/object'
import type { ClusterRole, PolicyRule } from '@bramble/api/types/rbac'
import { standardMetadata } from '../rbac/standard.ts'

// A short way to write roles down. Lists are words with spaces between them; the core group is `core`.

export const READ = 'get list watch'
export const WRITE = 'create delete deletecollection patch update'

/** A right to resources. @param names Of the only objects that it is about. */
export function may(verbs: string, groups: string, resources: string, names?: string): PolicyRule {
  return {
    verbs: words(verbs),
    apiGroups: words(groups).map((group) => (group === 'core' ? '' : group)),
    resources: words(resources),
    ...(names !== undefined && { resourceNames: words(names) }),
  }
}

export const mayGet = (paths: string): PolicyRule => ({ verbs: ['get'], nonResourceURLs: words(paths) })

export const role = (name: string, ...rules: PolicyRule[]): NewObject<ClusterRole> => ({ metadata: standardMetadata(name), rules })

const words = (text: string): string[] => text.trim().split(/\s+/).sort()
