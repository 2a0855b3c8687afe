const tty = process.stdout.isTTY && process.env['NO_COLOR'] === undefined;

function paint(code: string, text: string): string {
  return tty ? `\u001b[${code}m${text}\u001b[0m` : text;
}

export const bold = (text: string): string => paint('1', text);
export const dim = (text: string): string => paint('2', text);
export const green = (text: string): string => paint('32', text);
export const red = (text: string): string => paint('31', text);
export const cyan = (text: string): string => paint('36', text);

let step = 0;

export function title(text: string): void {
  step += 1;
  console.log(`\n${bold(cyan(`${step}. ${text}`))}`);
}

export function say(text: string): void {
  console.log(`   ${text}`);
}

export function command(where: string, text: string): void {
  console.log(`   ${dim(`${where} $`)} ${text}`);
}

/** A command's own output, indented; at most `most` lines. */
export function output(text: string, most = 12): void {
  const all = text.trimEnd().split('\n');
  for (const line of all.slice(0, most)) console.log(`     ${line}`);
  if (all.length > most) console.log(dim(`     … ${all.length - most} more lines`));
}

export function check(ok: boolean, text: string): void {
  console.log(`   ${ok ? green('✓') : red('✗')} ${text}`);
  if (!ok) failures.push(text);
}

export const failures: string[] = [];

/** Columns padded to their widest cell. */
export function table(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  for (const [index, row] of rows.entries()) {
    const text = row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
    console.log(`     ${index === 0 ? bold(text) : text}`);
  }
}
