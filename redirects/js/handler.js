function handler(event) {
  var request = event.request;
  return say(request, answer(request.uri, query(request)));
}
