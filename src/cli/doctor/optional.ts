import { KubeError } from '../../host/kube/kubeError.ts';

/** Undefined where it is not there or must not be seen. @throws KubeError for everything else */
export async function optional<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof KubeError && (error.status === 404 || error.status === 403)) return undefined;
    throw error;
  }
}
