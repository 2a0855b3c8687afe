import { hostname } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { speakerCommand } from '../../speaker/command.ts';
import { withClusterOptions } from './clusterAccess.ts';
import { examine } from './doctor/examine.ts';
import { type DoctorFlags, gather } from './doctor/gather.ts';
import { reportLines, reportValue } from './doctor/report.ts';
import { type OutputFlags, exitWith, outputOption, print } from './output.ts';

/** `heraldlb doctor`. Exit code 0: nothing failed, 1: something did, 2: it could not be done. */
export function doctorCommand(): Command {
  const command = new Command('doctor')
    .description('Looks whether this node is fit for a speaker, and the cluster for HeraldLB; changes nothing')
    .addOption(new Option('--node-name <name>', "the Node's name").env('HERALDLB_NODE_NAME').default(hostname()))
    .option('-f, --filename <path...>', 'the configuration to look at; default: that of the cluster')
    .option('--lb-class <class>', 'as the speakers are started')
    .addOption(
      new Option('--exclude-interfaces <regex>', 'as the speakers are started')
        .argParser(expression)
        .default(usualExclusion(), 'as theirs'),
    )
    .option('--no-cluster', 'the node alone')
    .option('--no-probes', 'send nothing: no pings, no connections to peers, no ARP probes')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .addOption(outputOption());
  return withClusterOptions(command).action((flags: DoctorFlags & OutputFlags) =>
    exitWith(async () => {
      const findings = examine(await gather(flags));
      print(flags, reportValue(findings), () => reportLines(findings));
      return findings.some(({ level }) => level === 'FAIL') ? 1 : 0;
    }),
  );
}

function expression(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch {
    throw new InvalidArgumentError('not a regular expression.');
  }
}

function usualExclusion(): RegExp {
  const option = speakerCommand().options.find(({ long }) => long === '--exclude-interfaces');
  return option?.defaultValue as RegExp;
}
