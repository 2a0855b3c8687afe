import type { Call, KubeClient } from './kubeClient.ts';
import { KubeError } from './kubeError.ts';
import { apiVersionOf, type Resource } from './resource.ts';

/**
 * A client that reads objects of a resource in an older version where the server cannot convert them: they were stored in that version, and the
 * webhook that converted them went with the program that it belonged to. The objects must look the same in both.
 *
 * Where neither version can be read and none ever was, there are no such objects for us: whatever is wrong with them must not
 * keep all else from running. What was read once stays as it was.
 */
export function readingOlder(client: KubeClient, resource: Resource, version: string): KubeClient {
  const newer = `/apis/${apiVersionOf(resource)}/`;
  const older = `/apis/${apiVersionOf({ ...resource, version })}/`;
  let root = newer;
  let wasRead = false;
  const isAbout = ({ method, path }: Call): boolean => method === 'GET' && path.startsWith(newer);
  const at = (call: Call, where: string): Call => ({ ...call, path: where + call.path.slice(newer.length) });

  const request = async <T>(call: Call): Promise<T> => {
    if (!isAbout(call)) return client.request<T>(call);
    for (const where of [newer, older]) {
      try {
        const answer = await client.request<T>(at(call, where));
        root = where;
        wasRead = true;
        return answer;
      } catch (error) {
        if (!isUnconverted(error)) throw error;
        if (where === older && wasRead) throw error;
      }
    }
    return {} as T;
  };

  return {
    ...client,
    request,
    stream: (call) => client.stream(isAbout(call) ? at(call, root) : call),
  };
}

/** A server says so plainly, or, once it has given up on filling its cache, in an answer that sounds like a lack of time (429). */
export function isUnconverted(error: unknown): boolean {
  return error instanceof KubeError && (error.status >= 500 || error.status === 429) && error.message.includes('conversion webhook for');
}
