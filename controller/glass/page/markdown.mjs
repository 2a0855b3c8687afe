// As much of Markdown as our own pages have in them, to HTML. Made when the page is built, so what it reads is ours.

const escapeHtml = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** As GitHub makes them of headings. */
function anchorOf(heading) {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

function inline(text, link) {
  return text
    .split(/(`[^`]+`)/)
    .map((part) => {
      if (part.startsWith('`') && part.endsWith('`') && part.length > 1) return `<code>${escapeHtml(part.slice(1, -1))}</code>`;
      return escapeHtml(part)
        .replaceAll(/\[([^\]]*)\]\(([^)\s]+)\)/g, (_, label, target) => link(target, label))
        .replaceAll(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
        .replaceAll(/\*([^*]+)\*/g, '<em>$1</em>');
    })
    .join('');
}

/** The second of a name has a number behind it, as on GitHub. */
function idOf(heading, seen) {
  const anchor = anchorOf(heading);
  const times = seen.get(anchor) ?? 0;
  seen.set(anchor, times + 1);
  return times === 0 ? anchor : `${anchor}-${times}`;
}

const isRule = (line) => /^\|[-|\s:]+\|$/.test(line);
const cellsOf = (line) =>
  line
    .slice(1, -1)
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'));

function tableOf(lines, write) {
  const row = (line, tag) =>
    `<tr>${cellsOf(line)
      .map((cell) => `<${tag}>${write(cell)}</${tag}>`)
      .join('')}</tr>`;
  const hasHead = lines.length > 1 && isRule(lines[1]);
  const head = hasHead && cellsOf(lines[0]).some(Boolean) ? `<thead>${row(lines[0], 'th')}</thead>` : '';
  const rest = (hasHead ? lines.slice(2) : lines).map((line) => row(line, 'td')).join('');
  // Wider than a phone, so it can be scrolled by keyboard, too.
  return `<div class="scroll" tabindex="0" role="region" aria-label="Table"><table>${head}<tbody>${rest}</tbody></table></div>`;
}

const codeOf = (lines) => `<pre tabindex="0"><code>${escapeHtml(lines.join('\n').trimEnd())}</code></pre>`;

/** @param link makes the HTML of a link out of its target and its HTML label @param seen anchors so far */
export function htmlOf(markdown, link, seen = new Map()) {
  const write = (text) => inline(text, link);
  const blocks = [];
  const lines = markdown.split('\n');
  let at = 0;
  const take = (is) => {
    const from = at;
    while (at < lines.length && is(lines[at])) at++;
    return lines.slice(from, at);
  };
  while (at < lines.length) {
    const line = lines[at];
    const heading = /^(#+) (.+)$/.exec(line);
    if (line.trim() === '') at++;
    else if (heading !== null) {
      const level = heading[1].length;
      blocks.push(`<h${level} id="${idOf(heading[2], seen)}">${write(heading[2])}</h${level}>`);
      at++;
    } else if (line.startsWith('```')) {
      at++;
      blocks.push(codeOf(take((each) => !each.startsWith('```'))));
      at++;
    } else if (line.startsWith('|'))
      blocks.push(
        tableOf(
          take((each) => each.startsWith('|')),
          write,
        ),
      );
    else if (/^ {4}/.test(line)) {
      const code = take((each) => /^ {4}/.test(each) || each === '');
      const indent = Math.min(...code.filter(Boolean).map((each) => /^ */.exec(each)[0].length));
      blocks.push(codeOf(code.map((each) => each.slice(indent))));
    } else if (/^(\d+\.|-) /.test(line))
      blocks.push(
        listOf(
          take((each) => each !== '' || /^( {2,}|\d+\. |- )/.test(lines[at + 1] ?? '')),
          link,
        ),
      );
    else blocks.push(`<p>${write(take((each) => each.trim() !== '' && !/^(\||#|```)/.test(each)).join(' '))}</p>`);
  }
  return blocks.join('\n');
}

function listOf(lines, link) {
  const tag = /^\d/.test(lines[0]) ? 'ol' : 'ul';
  const items = [];
  for (const line of lines) {
    const start = /^(\d+\.|-) (.*)$/.exec(line);
    if (start === null) items.at(-1).push(line);
    else items.push([start[2]]);
  }
  const inner = (item) => htmlOf(item.map((line, place) => (place === 0 ? line : line.replace(/^ {2,3}/, ''))).join('\n'), link);
  return `<${tag}>${items.map((item) => `<li>${inner(item)}</li>`).join('')}</${tag}>`;
}
