// What an edge that runs code answers: Resolve, in ES5.1, which CloudFront
// Functions (runtime 2.0, njs), workers and Node all run. Comments and
// indentation are not rendered.
//
// BASES are the base paths with their public paths, PUBLIC the public paths,
// longer ones first. A site is {n, f, g, a, c, e, u, k, w, d, i}, see jsSite.
// A row of it is a moment from which on something holds. Its code is
// (second - e) / u * k + kind in w letters, whose order is that of ASCII, so
// that codes are compared as they stand. Kinds: 0 a checkpoint, 1 gone, 2 no
// longer gone. i has the rows, or, d times, the first code and the key of each
// node below.
var LETTERS = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz';

function compact(date) {
  var s = date.toISOString();
  return s.slice(0, 4) + s.slice(5, 7) + s.slice(8, 13) + s.slice(14, 16) + s.slice(17, 19) + 'Z';
}

// clock is the edge's, as a stamp.
function clock() {
  return compact(new Date());
}

function moved(to) {
  return {status: 301, location: to, cache: 'public, max-age=86400'};
}

function missing() {
  return {status: 404, cache: 'no-cache'};
}

// decoded undoes escapes, all or, where one is none, none of them.
function decoded(path) {
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return path;
  return path.replace(/%[0-9A-Fa-f]{2}/g, function (e) {
    return String.fromCharCode(parseInt(e.slice(1), 16));
  });
}

function forbids(inside) {
  var i, parts = decoded(inside).split('/');
  for (i = 0; i < parts.length; i++) {
    if (parts[i] === '.' || parts[i] === '..') return true;
  }
  for (i = 0; parts[i] === ''; i++);
  return parts[i] === '.datestone';
}

// store hands path on, as the key of an object: without the public path, a
// directory's page named, and "+" escaped, which S3 would take for a space.
function store(path) {
  var i, key = path;
  for (i = 0; i < PUBLIC.length; i++) {
    if (path.lastIndexOf(PUBLIC[i], 0) === 0) {
      if (forbids(path.slice(PUBLIC[i].length))) return missing();
      if (key === path) key = path.slice(PUBLIC[i].length - 1);
    }
  }
  key = key.replace(/[+]/g, '%2B');
  return {status: 200, serves: path, key: key.charAt(key.length - 1) === '/' ? key + 'index.html' : key};
}

// begin cuts a request into its parts. It has its answer, or at, the number
// of the site to ask.
function begin(path, query) {
  var i, j, inside, q = {path: path, query: query};
  for (i = 0; i < BASES.length; i++) {
    if (path === BASES[i]) {
      q.answer = moved(path + '/' + query);
      return q;
    }
    if (path.lastIndexOf(BASES[i] + '/', 0) === 0) {
      inside = path.slice(BASES[i].length + 1);
      j = inside.indexOf('/');
      q.base = BASES[i];
      q.segment = j < 0 ? inside : inside.slice(0, j);
      q.rest = j < 0 ? '' : inside.slice(j);
      if (q.segment && /^[a-z0-9TZ-]*/.exec(q.segment)[0] === q.segment) q.at = i;
      break;
    }
  }
  if (q.at === undefined) q.answer = store(path);
  return q;
}

function lead(q, to, final) {
  var location = q.base + '/' + to + (q.rest || '/') + q.query;
  if (!to) return missing();
  return final ? moved(location) : {status: 302, location: location, cache: 'no-cache'};
}

// seek answers q where site s alone can, or makes the code to look for.
function seek(q, s) {
  var m = q.segment, iso, ms;
  if (Object.prototype.hasOwnProperty.call(s.c, m)) {
    q.answer = lead(q, s.c[m], false);
    return;
  }
  if (!(m.length === 8 && /^[0-9]{8}/.test(m)) && !(m.length === 16 && /^[0-9]{8}T[0-9]{6}Z/.test(m))) {
    q.answer = store(q.path);
    return;
  }
  q.moment = m.length === 8 ? m + 'T000000Z' : m;
  m = q.moment;
  iso = m.slice(0, 4) + '-' + m.slice(4, 6) + '-' + m.slice(6, 11) + ':' + m.slice(11, 13) + ':' + m.slice(13, 15) + '.000Z';
  ms = Date.parse(iso);
  if (isNaN(ms) || new Date(ms).toISOString() !== iso || ms < s.e * 1000) {
    q.answer = missing();
    return;
  }
  q.code = encode(Math.floor((ms / 1000 - s.e) / s.u) * s.k + s.k - 1, s.w);
}

function encode(n, width) {
  var i, code = '';
  for (i = 0; i < width; i++) {
    code = LETTERS.charAt(n % 64) + code;
    n = Math.floor(n / 64);
  }
  if (n > 0) return 'zzzzzzzz'.slice(0, width);
  return code;
}

function decode(code) {
  var i, n = 0;
  for (i = 0; i < code.length; i++) n = n * 64 + LETTERS.indexOf(code.charAt(i));
  return n;
}

// last returns where in a node the last entry at or before q's code begins.
function last(q, s, node, step) {
  var middle, low = 0, high = node.length / step;
  while (low < high) {
    middle = Math.floor((low + high) / 2);
    if (node.substr(middle * step, s.w) <= q.code) low = middle + 1;
    else high = middle;
  }
  return (low - 1) * step;
}

// below returns the key of the node below for q, or nothing.
function below(q, s, node) {
  var at = last(q, s, node, s.w + 8);
  return at < 0 ? '' : node.substr(at + s.w, 8);
}

// conclude answers q from the rows of the node it belongs to. Each node begins
// with a checkpoint.
function conclude(q, s, node) {
  var m = q.moment, at = last(q, s, node, s.w), n, kind, to, final;
  if (at < 0) return missing();
  n = decode(node.substr(at, s.w));
  kind = n % s.k;
  while (n % s.k) {
    at -= s.w;
    n = decode(node.substr(at, s.w));
  }
  to = compact(new Date((Math.floor(n / s.k) * s.u + s.e) * 1000));
  if (q.segment === to) return q.rest ? store(q.path) : moved(q.path + '/' + q.query);
  if (m > clock() || kind === 1 && !(s.a & 2)) return missing();
  final = kind !== 1 && s.f <= m && m <= s.g;
  if (final && s.a & 1 && q.rest) return store(q.base + '/' + to + q.rest);
  return lead(q, to, final);
}
