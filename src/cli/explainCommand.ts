import { Argument, type Command, InvalidArgumentError } from 'commander';
import { explain } from '../view/explain.ts';
import { explainLines } from './explainLines.ts';
import { print } from './output.ts';
import { type ViewFlags, lookAt, viewCommand } from './viewCommand.ts';

interface Name {
  readonly namespace: string;
  readonly name: string;
}

function serviceName(written: string): Name {
  const [first = '', second, ...more] = written.split('/');
  if (more.length > 0 || first === '' || second === '') throw new InvalidArgumentError('give NAMESPACE/NAME.');
  return second === undefined ? { namespace: 'default', name: first } : { namespace: first, name: second };
}

/** `heraldlb explain service NS/NAME`. Exit code 0: announced and healthy, 1: not. */
export function explainCommand(): Command {
  return viewCommand('explain', 'Says why a Service can, or cannot, be reached: the whole chain from its address to the routers')
    .addArgument(new Argument('<kind>').choices(['service', 'svc']))
    .addArgument(new Argument('<name>', 'NAMESPACE/NAME; without a namespace: default').argParser(serviceName))
    .action((_kind: string, { namespace, name }: Name, flags: ViewFlags) =>
      lookAt(flags, (cluster) => {
        const explanation = explain(cluster, namespace, name);
        print(flags, explanation, () => explainLines(explanation, cluster.nowMs));
        return explanation.state === 'announced' ? 0 : 1;
      }),
    );
}
