var KVS = cf.kvs();

// answer reads the site and its nodes, three values at most. Where one is
// missing, a push is on its way.
async function answer(path, query) {
  var s, node, depth, q = begin(path, query);
  if (q.answer) return q.answer;
  try {
    node = await KVS.get('root:' + q.base);
    s = JSON.parse(node);
    seek(q, s);
    if (q.answer) return q.answer;
    node = s.i;
    for (depth = s.d; depth > 0 && node; depth--) {
      node = below(q, s, node);
      if (node) node = await KVS.get(node);
    }
  } catch (e) {
    console.log('datestone: ' + e);
    return {status: 503, cache: 'no-cache'};
  }
  return conclude(q, s, node);
}

async function handler(event) {
  var request = event.request;
  var a = await answer(request.uri, query(request));
  return say(request, a);
}
