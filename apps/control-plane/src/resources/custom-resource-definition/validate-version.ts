import { duplicate, type FieldError, invalidValue, required, tooLong, tooMany } from '@bramble/api/field-error'
import type {
  CustomResourceColumn,
  CustomResourceScale,
  CustomResourceVersion,
  JsonSchema,
} from '@bramble/api/types/custom-resource-definition'
import { nameProblems } from '../../api/names.ts'
import { resolveFieldPath } from '../../api/custom/field-path.ts'
import { validateSchema } from './validate-schema.ts'

/** Source: apiextensions-apiserver pkg/apis/apiextensions/validation validateCustomResourceDefinitionVersion. */
export function validateVersion(version: CustomResourceVersion, group: string, path: string): readonly FieldError[] {
  const { name = '', schema, subresources, additionalPrinterColumns = [], selectableFields = [] } = version
  const problems = nameProblems('label1035', name)
  const root = schema?.openAPIV3Schema
  const hasStatus = subresources?.status !== undefined
  return [
    ...(root ? [] : [required(`${path}.schema.openAPIV3Schema`, 'schemas are required')]),
    ...(problems.length > 0 ? [invalidValue(`${path}.name`, name, problems.join(','))] : []),
    ...validateDeprecation(version, path),
    ...(root ? validateSchema(root, { hasStatus, apiVersion: `${group}/${name}` }, `${path}.schema.openAPIV3Schema`) : []),
    ...(subresources?.scale ? validateScale(subresources.scale, `${path}.subresources.scale`) : []),
    ...additionalPrinterColumns.flatMap((column, index) => validateColumn(column, `${path}.additionalPrinterColumns[${index}]`)),
    ...validateSelectableFields(selectableFields, root, `${path}.selectableFields`),
  ]
}

const WARNING_BYTES_MAX = 256

function validateDeprecation({ deprecated = false, deprecationWarning }: CustomResourceVersion, path: string): readonly FieldError[] {
  if (deprecationWarning === undefined) return []
  const at = `${path}.deprecationWarning`
  const hidden = deprecationWarning.search(/[^\P{C}]|[\p{Zl}\p{Zp}]/u)
  return [
    ...(deprecated ? [] : [invalidValue(at, deprecationWarning, 'can only be set for deprecated versions')]),
    ...(Buffer.byteLength(deprecationWarning) > WARNING_BYTES_MAX ? [tooLong(at, WARNING_BYTES_MAX)] : []),
    ...(deprecationWarning === '' ? [invalidValue(at, deprecationWarning, 'must not be empty')] : []),
    ...(hidden >= 0
      ? [
          invalidValue(
            at,
            deprecationWarning,
            `must only contain printable UTF-8 characters; non-printable character found at index ${hidden}`,
          ),
        ]
      : []),
  ]
}

/** Source: ValidateCustomResourceDefinitionSubresources. */
function validateScale(scale: CustomResourceScale, path: string): readonly FieldError[] {
  const under = (at: string, value: string, roots: readonly string[], where: string): readonly FieldError[] => {
    const errors = simplePath(value, `${path}.${at}`)
    if (errors.length > 0 || roots.some((root) => value.startsWith(root))) return errors
    return [invalidValue(`${path}.${at}`, value, `should be a json path under ${where}`)]
  }
  const { specReplicasPath = '', statusReplicasPath = '', labelSelectorPath = '' } = scale
  return [
    ...(specReplicasPath === ''
      ? [required(`${path}.specReplicasPath`)]
      : under('specReplicasPath', specReplicasPath, ['.spec.'], '.spec')),
    ...(statusReplicasPath === ''
      ? [required(`${path}.statusReplicasPath`)]
      : under('statusReplicasPath', statusReplicasPath, ['.status.'], '.status')),
    ...(labelSelectorPath === '' ? [] : under('labelSelectorPath', labelSelectorPath, ['.spec.', '.status.'], 'either .spec or .status')),
  ]
}

const simplePath = (value: string, path: string): readonly FieldError[] =>
  value.startsWith('.') ? [] : [invalidValue(path, value, 'must be a simple json path starting with .')]

const COLUMN_TYPES: readonly string[] = ['boolean', 'date', 'integer', 'number', 'string']
const COLUMN_FORMATS: readonly string[] = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password']

/** Source: ValidateCustomResourceColumnDefinition. */
function validateColumn({ name, type, format, jsonPath }: Partial<CustomResourceColumn>, path: string): readonly FieldError[] {
  const types = `must be one of ${COLUMN_TYPES.join(',')}`
  return [
    ...(name ? [] : [required(`${path}.name`)]),
    ...(type ? (COLUMN_TYPES.includes(type) ? [] : [invalidValue(`${path}.type`, type, types)]) : [required(`${path}.type`, types)]),
    ...(format && !COLUMN_FORMATS.includes(format)
      ? [invalidValue(`${path}.format`, format, `must be one of ${COLUMN_FORMATS.join(',')}`)]
      : []),
    ...(jsonPath ? simplePath(jsonPath, `${path}.jsonPath`) : [required(`${path}.jsonPath`)]),
  ]
}

const SELECTABLE_MAX = 8

/** Source: ValidateCustomResourceSelectableFields. */
function validateSelectableFields(
  fields: readonly { readonly jsonPath?: string }[],
  root: JsonSchema | undefined,
  path: string,
): readonly FieldError[] {
  const seen = new Set<string>()
  const errors = fields.flatMap(({ jsonPath = '' }, index): readonly FieldError[] => {
    const at = `${path}[${index}].jsonPath`
    if (jsonPath === '') return [required(at)]
    if (!root) return []
    const found = resolveFieldPath(root, jsonPath, { allowsLists: false })
    if (typeof found === 'string') return [invalidValue(at, jsonPath, `is an invalid path: ${found}`)]
    const isRepeated = seen.has(found.path)
    seen.add(found.path)
    return [
      ...(found.path.split('.')[0] === 'metadata' ? [invalidValue(at, jsonPath, 'must not point to fields in metadata')] : []),
      ...(['string', 'boolean', 'integer'].includes(found.schema.type ?? '')
        ? []
        : [
            invalidValue(
              at,
              jsonPath,
              'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
            ),
          ]),
      ...(isRepeated ? [duplicate(at, jsonPath)] : []),
    ]
  })
  return fields.length > SELECTABLE_MAX ? [...errors, tooMany(path, fields.length, SELECTABLE_MAX)] : errors
}
