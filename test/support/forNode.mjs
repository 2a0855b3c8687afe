/** How a program of the tests is bundled, so that plain Node runs it: packages stay outside. */
export const FOR_NODE = { bundle: true, platform: 'node', format: 'esm', target: 'node20', packages: 'external', logLevel: 'error' };
