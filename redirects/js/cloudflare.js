// target cuts path and query out of a request's URL as they were sent.
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

// fromStore hands a request on: what decides about a file, and no more. A
// store that may not list says 403 for what is missing, and some say 400 for
// what no key can be.
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
