import type { AdmissionRequest, AdmissionStep } from './requests.ts'

/**
 * Passes a write through every step.
 *
 * @returns A function that takes back what the steps reserved; call it when the write is not stored.
 * @throws StatusError of the step that refused; what the others reserved is taken back then.
 */
export async function admit(steps: readonly AdmissionStep[], request: AdmissionRequest): Promise<() => void> {
  const passed: AdmissionStep[] = []
  const abandon = (): void => {
    for (const step of passed.splice(0).reverse()) step.abandon?.(request)
  }
  try {
    for (const step of steps) {
      passed.push(step)
      await step.admit(request)
    }
  } catch (error) {
    abandon()
    throw error
  }
  return abandon
}
