import { canonicalQuantity, QuantityError } from './canonical-quantity.ts'

/**
 * A quantity as Kubernetes prints it: `0.5` → `500m`, `1024Mi` → `1Gi`, `1000m` → `1`, `1500Ki` → `1500Ki`.
 * What is no quantity stays as it is; absent is `0`.
 */
export function quantityText(quantity: string | number | undefined): string {
  if (quantity === undefined) return '0'
  try {
    return canonicalQuantity(String(quantity))
  } catch (error) {
    if (error instanceof QuantityError) return String(quantity)
    throw error
  }
}
