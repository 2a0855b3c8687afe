import { KINDS } from '../../api/crd.ts';
import { GROUP, VERSION } from '../../api/kind.ts';
import { problemText } from '../../config/conditions.ts';
import { outdatedText } from '../../view/definitions.ts';
import type { ClusterFacts, Facts, Finding, Right } from './contract.ts';
import { fail, pass, warn } from './finding.ts';

/** What is signed for a short while (tokens) is refused beyond some minutes; leases and logs confuse earlier. */
const SKEW_WARN_MS = 10_000;
const SKEW_FAIL_MS = 120_000;

export function judgeApi({ cluster }: Facts): Finding[] {
  if (cluster === undefined) return [];
  const { server, answer } = cluster;
  if ('error' in answer) return [fail('API server', 'ApiUnreachable', `${server} does not answer: ${answer.error}`)];
  if (answer.status === 401 || answer.status === 403)
    return [fail('API server', 'ApiRefused', `${server} answers with ${answer.status}: the credentials are not accepted`)];
  return [pass('API server', `${server} answers`), ...judgeClock(cluster)];
}

function judgeClock({ skewMs }: ClusterFacts): Finding[] {
  if (skewMs === undefined) return [];
  const message = `this node's clock is ${Math.round(Math.abs(skewMs) / 1000)} s ${skewMs > 0 ? 'behind' : 'ahead of'} the API server's`;
  if (Math.abs(skewMs) >= SKEW_FAIL_MS) return [fail('clock', 'ClockSkew', message)];
  return [Math.abs(skewMs) >= SKEW_WARN_MS ? warn('clock', 'ClockSkew', message) : pass('clock', 'agrees with the API server')];
}

export function judgeDefinitions({ cluster }: Facts): Finding[] {
  const { served, outdated = {} } = cluster ?? {};
  if (served === undefined) return [];
  const missing = KINDS.map(({ plural }) => plural).filter((plural) => !served.includes(plural));
  if (missing.length === KINDS.length)
    return [fail('definitions', 'CrdMissing', `nothing of ${GROUP}/${VERSION} is served: HeraldLB is not installed`)];
  const found = [
    ...(missing.length === 0 ? [] : [fail('definitions', 'CrdMissing', `${missing.join(', ')} of ${GROUP}/${VERSION} are not served`)]),
    ...Object.entries(outdated)
      .filter(([, fields]) => fields.length > 0)
      .map(([plural, fields]) => warn('definitions', 'CrdOutdated', outdatedText({ name: `${plural}.${GROUP}`, fields }))),
  ];
  return found.length > 0 ? found : [pass('definitions', `all kinds of ${GROUP}/${VERSION} are served`)];
}

export function judgeRights({ cluster }: Facts): Finding[] {
  const missing = cluster?.missingRights;
  if (missing === undefined) return [];
  if (missing.length === 0) return [pass('rights', 'controller and speaker may do what they need')];
  return missing.map((right) => fail('rights', 'RightMissing', `${right.account} may not ${rightText(right)}`));
}

function rightText({ verb, group, resource, subresource, namespace, name }: Right): string {
  const what = `${resource}${subresource === undefined ? '' : `/${subresource}`}${group === '' ? '' : ` of ${group}`}`;
  return `${verb} ${what}${name === undefined ? '' : ` ${name}`}${namespace === undefined ? '' : ` in ${namespace}`}`;
}

/** Two that serve the same Services fight over their addresses. */
export function judgeOthers({ cluster, loadBalancerClass }: Facts): Finding[] {
  const { others } = cluster ?? {};
  if (others === undefined) return [];
  const rivals = others.filter((other) => other.loadBalancerClass === loadBalancerClass);
  if (rivals.length === 0)
    return [pass('other load balancers', others.length === 0 ? 'there are none' : 'serve other classes of Services')];
  const which = loadBalancerClass === undefined ? 'Services without a class' : `the class ${loadBalancerClass}`;
  return rivals.map(({ system, evidence }) =>
    fail('other load balancers', 'OtherLoadBalancer', `${system} serves ${which} too (${evidence})`),
  );
}

export function judgeConfiguration({ problems, config, cluster, nodeName }: Facts): Finding[] {
  const wrong = (problems ?? []).filter(({ severity }) => severity === 'error');
  const nobody = cluster !== undefined && cluster.node === undefined && 'status' in cluster.answer && cluster.answer.status < 300;
  const missing = nobody ? [fail('node', 'NodeMissing', `the cluster has no Node ${nodeName}: give its name with --node-name`)] : [];
  if (config === undefined) return missing;
  if (wrong.length === 0) return [...missing, pass('configuration', `${config.pools.length} pools, ${config.peers.length} peers`)];
  const found = wrong.map((problem) =>
    fail('configuration', problem.reason, `${problem.object.kind}/${problem.object.name} ${problemText(problem)}`),
  );
  return [...missing, ...found];
}
