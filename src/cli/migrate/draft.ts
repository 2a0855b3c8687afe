import { GROUP, VERSION } from '../../api/kind.ts';
import { projectNode, projectService } from '../../cluster/project.ts';
import type { NodeView } from '../../cluster/node.ts';
import type { ServiceKey, ServiceView } from '../../cluster/service.ts';
import type { ConfigKind } from '../../config/parse.ts';
import type { Loss, Manifest, MigrationReason, ServiceEdit } from './contract.ts';
import { type SourceObject, dnsName, refOf } from './sourceObject.ts';

const ERRORS: ReadonlySet<MigrationReason> = new Set(['AddressOutsidePools', 'AddressNotKept', 'InvalidSource', 'ResultRefused']);

/** A Service as it is, and the annotations that our own view of it leaves out. */
export interface SourceService extends Pick<SourceObject, 'annotations'> {
  readonly view: ServiceView;
  readonly object: SourceObject;
}

/** The result while it is being written. */
export class Draft {
  readonly namespace: string;
  readonly objects: readonly SourceObject[];
  readonly services: readonly SourceService[];
  readonly nodes: readonly NodeView[];
  readonly manifests: Manifest[] = [];
  readonly losses: Loss[] = [];
  readonly flags = new Set<string>();
  /** As Services say it: none, or the other system's. */
  loadBalancerClass: string | undefined;
  readonly #edits = new Map<ServiceKey, { annotations: Record<string, string>; labels: Record<string, string>; clear: boolean }>();
  readonly #names = new Set<string>();

  constructor(objects: readonly SourceObject[], namespace: string) {
    this.objects = objects;
    this.namespace = namespace;
    this.services = objects.flatMap((object) => serviceOf(object));
    this.nodes = objects.flatMap((object) => (object.group === '' && object.kind === 'Node' ? (projectNode(object.raw) ?? []) : []));
  }

  /** @param group the whole of it, or what it ends with after a dot */
  of(kind: string, group: string): SourceObject[] {
    return this.objects.filter((object) => object.kind === kind && (object.group === group || object.group.endsWith(`.${group}`)));
  }

  /** @returns the name, which is the wanted one if that is free */
  write(
    kind: ConfigKind | 'AddressClaim',
    wanted: string,
    spec: object,
    { labels, exact = false }: { readonly labels?: Readonly<Record<string, string>>; readonly exact?: boolean } = {},
  ): string {
    const name = this.#free(kind, exact ? wanted : dnsName(wanted));
    const own = labels !== undefined && Object.keys(labels).length > 0 ? { labels } : {};
    this.manifests.push({ apiVersion: `${GROUP}/${VERSION}`, kind, metadata: { name, namespace: this.namespace, ...own }, spec });
    return name;
  }

  /** A Secret with the TCP password of a session. @returns its name */
  writePassword(wanted: string, password: string): string {
    const name = this.#free('Secret', dnsName(wanted));
    const metadata = { name, namespace: this.namespace };
    this.manifests.push({ apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/basic-auth', stringData: { password } });
    return name;
  }

  lose(reason: MigrationReason, object: SourceObject | undefined, path: string, message: string): void {
    const severity = ERRORS.has(reason) ? 'error' : 'warning';
    this.losses.push({ severity, reason, path, message, ...(object === undefined ? {} : { object: refOf(object) }) });
  }

  annotate({ view }: SourceService, key: string, value: string): void {
    this.#edit(view.key).annotations[key] = value;
  }

  label({ view }: SourceService, key: string, value: string): void {
    this.#edit(view.key).labels[key] = value;
  }

  clearLoadBalancerIP({ view }: SourceService): void {
    this.#edit(view.key).clear = true;
  }

  edits(): ServiceEdit[] {
    return [...this.#edits].map(([service, { annotations, labels, clear }]) => ({
      service,
      annotations,
      labels,
      clearLoadBalancerIP: clear,
    }));
  }

  /** The Service as it will be after the edits. */
  edited({ view }: SourceService): ServiceView {
    const edit = this.#edits.get(view.key);
    if (edit === undefined) return view;
    const { loadBalancerIP, ...rest } = view;
    return {
      ...rest,
      ...(edit.clear || loadBalancerIP === undefined ? {} : { loadBalancerIP }),
      labels: { ...view.labels, ...edit.labels },
      annotations: { ...view.annotations, ...edit.annotations },
    };
  }

  #edit(key: ServiceKey): { annotations: Record<string, string>; labels: Record<string, string>; clear: boolean } {
    const edit = this.#edits.get(key) ?? { annotations: {}, labels: {}, clear: false };
    this.#edits.set(key, edit);
    return edit;
  }

  #free(kind: string, wanted: string): string {
    let name = wanted;
    for (let number = 2; this.#names.has(`${kind}/${name}`); number++) name = `${wanted}-${number}`;
    this.#names.add(`${kind}/${name}`);
    return name;
  }
}

function serviceOf(object: SourceObject): SourceService[] {
  if (object.group !== '' || object.kind !== 'Service') return [];
  const view = projectService(object.raw);
  return view?.type === 'LoadBalancer' ? [{ view, annotations: object.annotations, object }] : [];
}
