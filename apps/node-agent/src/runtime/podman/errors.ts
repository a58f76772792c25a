import { RuntimeError, type RuntimeReason } from '../runtime.ts'
import { PodmanError } from './client.ts'

/** Podman's refusal under the reason that a pod status shows. */
export async function reasoned<T>(reason: RuntimeReason, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw error instanceof PodmanError ? new RuntimeError(reason, error.message, { cause: error }) : error
  }
}

export const unavailable = <T>(work: Promise<T>): Promise<T> => reasoned('RuntimeUnavailable', work)

/** undefined for something that is not there. */
export async function absent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (isStatus(error, 404)) return undefined
    return unavailable(Promise.reject<T>(error))
  }
}

export const isStatus = (error: unknown, status: number): boolean => error instanceof PodmanError && error.status === status
