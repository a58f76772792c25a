import { type FieldError, invalidValue } from '@bramble/api/field-error'
import type { CustomResourceDefinition } from '@bramble/api/types/custom-resource-definition'

/**
 * A version in which objects may still be stored must stay, though nobody need be served by it.
 * @see Source: apiextensions-apiserver pkg/apis/apiextensions/validation ValidateCustomResourceDefinitionStoredVersions.
 */
export function validateStoredVersions({ spec, status }: CustomResourceDefinition): readonly FieldError[] {
  const path = 'status.storedVersions'
  const stored = status?.storedVersions ?? []
  if (stored.length === 0) return [invalidValue(path, stored, 'must have at least one stored version')]
  const versions = spec.versions ?? []
  return [
    ...versions
      .filter(({ name, storage }) => storage && !stored.includes(name))
      .map(({ name }) => invalidValue(path, stored, `must have the storage version ${name}`)),
    ...stored.flatMap((name, index) =>
      versions.some((version) => version.name === name)
        ? []
        : [
            invalidValue(
              `${path}[${index}]`,
              name,
              `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
            ),
          ],
    ),
  ]
}
