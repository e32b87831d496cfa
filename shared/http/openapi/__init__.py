"""What each route answers, declared with the route, and the OpenAPI document that is made of it."""
