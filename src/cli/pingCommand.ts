import { Command, InvalidArgumentError, Option } from 'commander';
import { type Ip, parseIp } from '../net/ip.ts';
import { type OutputFlags, exitWith, outputOption, print } from './output.ts';
import { type Echo, ping } from './ping.ts';

/** `heraldlb ping ADDRESS...`: is a router or a gateway there at all? Exit code 0 when all answered, 1 else, 2 for wrong usage. */
export function pingCommand(): Command {
  return new Command('ping')
    .description('Asks routers and gateways for an ICMP echo, from this node; VIPs do not answer, by design')
    .argument('<addresses...>')
    .addOption(new Option('--timeout <ms>', 'how long to wait for each').argParser(milliseconds).default(1000))
    .addOption(outputOption())
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .action((addresses: string[], flags: Flags) => exitWith(() => run(addresses, flags)));
}

type Flags = OutputFlags & { readonly timeout: number };

function milliseconds(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('a number of milliseconds, more than 0.');
  return value;
}

async function run(addresses: readonly string[], flags: Flags): Promise<0 | 1> {
  const wrong = addresses.filter((written) => parseIp(written) === undefined);
  if (wrong.length > 0) throw new Error(`no IP address: ${wrong.join(', ')}`);
  const asked = addresses.map(async (address, index) => ({ address, ...(await ping(address as Ip, index, flags.timeout)) }));
  const echoes = await Promise.all(asked);
  print(flags, echoes, () => echoes.map((echo) => `${echo.address}  ${textOf(echo)}`));
  return echoes.every(({ kind }) => kind === 'reply') ? 0 : 1;
}

function textOf(echo: Echo): string {
  if (echo.kind === 'reply') return `answered after ${echo.ms.toFixed(2)} ms`;
  return echo.kind === 'timeout' ? 'no answer' : `cannot ask: ${echo.text}`;
}
