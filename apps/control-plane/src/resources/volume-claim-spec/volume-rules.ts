import { forbiddenField, invalidValue, notSupported } from '@bramble/api/field-error'
import type { FieldError } from '@bramble/api/field-error'
import type { KubeObject } from '@bramble/api/object'
import { quantityValue } from '@bramble/api/quantity'
import { quantityText } from '@bramble/api/quantity-text'
import type { Quantity } from '@bramble/api/types/pod'

// What volumes and claims have in common.

const SHORT_MODES: ReadonlyMap<string, string> = new Map([
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
])
const ACCESS_MODES = [...SHORT_MODES.keys()]
export const VOLUME_MODES: readonly string[] = ['Block', 'Filesystem']

export function validateAccessModes(modes: readonly string[], path: string): readonly FieldError[] {
  const errors = modes.filter((mode) => !ACCESS_MODES.includes(mode)).map((mode) => notSupported(path, mode, ACCESS_MODES))
  const isAlone = modes.every((mode) => mode === 'ReadWriteOncePod' || !ACCESS_MODES.includes(mode))
  return modes.includes('ReadWriteOncePod') && !isAlone
    ? [...errors, forbiddenField(path, 'may not use ReadWriteOncePod with other access modes')]
    : errors
}

export const validatePositive = (amount: Quantity, path: string): readonly FieldError[] =>
  (quantityValue(amount) ?? NaN) > 0 ? [] : [invalidValue(path, quantityText(amount), 'must be greater than zero')]

/** `RWO,ROX`, in a fixed order. Source: Kubernetes pkg/apis/core/helper GetAccessModesAsString. */
export const accessModesText = (modes: readonly string[] = []): string =>
  ACCESS_MODES.filter((mode) => modes.includes(mode))
    .map((mode) => SHORT_MODES.get(mode)!)
    .join(',')

/** The class of a volume or a claim, by its field or by the annotation that was before it. */
export const classOf = ({ metadata, spec }: KubeObject & { spec: { storageClassName?: string } }): string =>
  metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec.storageClassName ?? ''

export const phaseText = ({ metadata, status }: KubeObject & { status?: { phase?: string } }): string =>
  metadata.deletionTimestamp ? 'Terminating' : (status?.phase ?? '')

export const oldClassWarnings = ({ metadata }: KubeObject): readonly string[] =>
  ['volume.beta.kubernetes.io/storage-class', 'volume.alpha.kubernetes.io/storage-class']
    .filter((key) => metadata.annotations && Object.hasOwn(metadata.annotations, key))
    .map((key) => `metadata.annotations[${key}]: deprecated since v1.8; use "storageClassName" attribute instead`)
