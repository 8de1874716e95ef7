// Rules of datestone, a worker for Cloudflare. Generated: do not edit.
// All rows of the table "the answer to a request" hold, by Cloudflare's clock.
// The variable ORIGIN is where the bucket is read: https://pub-xxxx.r2.dev, a
// domain of the bucket's own, or https://bucket.s3.eu-west-1.amazonaws.com.
// Made from
//   /debian: 2 checkpoints, log entry 0, final_until 20250318T150000Z, answer redirect
var BASES = ["/debian"];
var PUBLIC = ["/"];
var SITES = [
{"n":0,"f":"","g":"20250318T150000Z","a":0,"c":{"frozen":null,"latest":"20250318T140442Z","now":"20250318T140442Z","prod":"20250318T140338Z"},"e":1742306618,"u":64,"k":1,"w":1,"d":0,"i":"-0"}
];
var LETTERS = '-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz';
function compact(date) {
var s = date.toISOString();
return s.slice(0, 4) + s.slice(5, 7) + s.slice(8, 13) + s.slice(14, 16) + s.slice(17, 19) + 'Z';
}
function clock() {
return compact(new Date());
}
function moved(to) {
return {status: 301, location: to, cache: 'public, max-age=86400'};
}
function missing() {
return {status: 404, cache: 'no-cache'};
}
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
function last(q, s, node, step) {
var middle, low = 0, high = node.length / step;
while (low < high) {
middle = Math.floor((low + high) / 2);
if (node.substr(middle * step, s.w) <= q.code) low = middle + 1;
else high = middle;
}
return (low - 1) * step;
}
function below(q, s, node) {
var at = last(q, s, node, s.w + 8);
return at < 0 ? '' : node.substr(at + s.w, 8);
}
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
function answer(path, query) {
var s, q = begin(path, query);
if (!q.answer) {
s = SITES[q.at];
seek(q, s);
}
return q.answer || conclude(q, s, s.i);
}
function target(url) {
var rest = url.slice(url.indexOf('//') + 2), at = rest.search(/[/?#]/);
rest = at < 0 ? '/' : rest.slice(at);
at = rest.indexOf('#');
if (at >= 0) rest = rest.slice(0, at);
return rest.charAt(0) === '/' ? rest : '/' + rest;
}
function say(status, headers) {
return new Response(status === 404 ? 'Not Found\n' : null, {status: status, headers: headers});
}
async function fromStore(request, origin, key) {
var i, value, r, headers = new Headers(), names = ['accept', 'range', 'if-match', 'if-none-match', 'if-modified-since', 'if-unmodified-since', 'if-range'];
for (i = 0; i < names.length; i++) {
value = request.headers.get(names[i]);
if (value !== null) headers.set(names[i], value);
}
r = await fetch(origin.replace(/[/]+$/, '') + key, {method: request.method, headers: headers});
if (r.status === 400 || r.status === 403 || r.status === 404) return say(404, {'cache-control': 'no-cache', 'content-type': 'text/plain'});
return r;
}
export default {
async fetch(request, env) {
var path, a, at, headers;
if (request.method !== 'GET' && request.method !== 'HEAD') return say(405, {allow: 'GET, HEAD'});
path = target(request.url);
at = path.indexOf('?');
a = at < 0 ? answer(path, '') : answer(path.slice(0, at), path.slice(at));
if (a.status === 200) return fromStore(request, env.ORIGIN, a.key);
headers = {'cache-control': a.cache};
if (a.location) headers.location = a.location;
else headers['content-type'] = 'text/plain';
return say(a.status, headers);
}
};
