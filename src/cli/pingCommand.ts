import { Command } from 'commander';
import { type Ip, parseIp } from '../net/ip.ts';
import { ping } from './ping.ts';

/** `heraldlb ping ADDRESS...`: is a router or a gateway there at all? Exit code 0 when all answered, 1 else, 2 for wrong usage. */
export function pingCommand(): Command {
  return new Command('ping')
    .description('Asks routers and gateways for an ICMP echo, from this node; VIPs do not answer, by design')
    .argument('<addresses...>')
    .option('--timeout <ms>', 'how long to wait for each', Number, 1000)
    .action(async (addresses: string[], { timeout }: { readonly timeout: number }) => {
      const parsed = addresses.map((written) => ({ written, ip: parseIp(written) }));
      const wrong = parsed.filter(({ ip }) => ip === undefined);
      if (wrong.length > 0 || !(timeout > 0)) {
        process.stderr.write(
          `no IP address: ${wrong.map(({ written }) => written).join(', ') || '(the timeout is no number of milliseconds)'}\n`,
        );
        process.exitCode = 2;
        return;
      }
      const echoes = await Promise.all(parsed.map(({ ip }, index) => ping(ip as Ip, index, timeout)));
      for (const [index, echo] of echoes.entries()) process.stdout.write(`${addresses[index]}  ${textOf(echo)}\n`);
      process.exitCode = echoes.every(({ kind }) => kind === 'reply') ? 0 : 1;
    });
}

function textOf(echo: Awaited<ReturnType<typeof ping>>): string {
  if (echo.kind === 'reply') return `answered after ${echo.ms.toFixed(2)} ms`;
  return echo.kind === 'timeout' ? 'no answer' : `cannot ask: ${echo.text}`;
}
