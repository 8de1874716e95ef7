// answer answers from SITES.
function answer(path, query) {
  var s, q = begin(path, query);
  if (!q.answer) {
    s = SITES[q.at];
    seek(q, s);
  }
  return q.answer || conclude(q, s, s.i);
}
