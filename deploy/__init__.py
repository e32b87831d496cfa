"""What brings all up (`local`, `docker`), keeps it busy (`demo`), and issues tokens to try it with (`issuer`)."""
