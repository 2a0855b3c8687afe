/** MetalLB's CustomResourceDefinitions, as far as a test needs them: they take every spec. */
function crd(kind: string, plural: string, version: string, properties: object): object {
  const schema = {
    openAPIV3Schema: {
      type: 'object',
      properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }, status: { type: 'object', properties } },
    },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.metallb.io` },
    spec: {
      group: 'metallb.io',
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
      versions: [{ name: version, served: true, storage: true, schema, subresources: { status: {} } }],
    },
  };
}

const COUNTS = Object.fromEntries(
  ['assignedIPv4', 'assignedIPv6', 'availableIPv4', 'availableIPv6'].map((name) => [name, { type: 'integer', format: 'int64' }]),
);

export const METALLB_CRDS: readonly object[] = [
  crd('IPAddressPool', 'ipaddresspools', 'v1beta1', COUNTS),
  crd('BGPPeer', 'bgppeers', 'v1beta2', {}),
  crd('BGPAdvertisement', 'bgpadvertisements', 'v1beta1', {}),
  crd('L2Advertisement', 'l2advertisements', 'v1beta1', {}),
  crd('BFDProfile', 'bfdprofiles', 'v1beta1', {}),
  crd('Community', 'communities', 'v1beta1', {}),
];
